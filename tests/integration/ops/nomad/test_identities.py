"""The identity that a task shows to AWS is the one that its role trusts: claims of a real Nomad, terms of the Terraform module."""

import re
from pathlib import Path
from typing import Any

import jwt
import pytest
from hcl2.api import loads

from ops.nomad.cluster import wait
from tests.clusters import scheduler
from tests.servers.processes import PROJECT

pytestmark = pytest.mark.integration
MODULE = PROJECT / "terraform" / "modules" / "identity"
ROLE = "arn:aws:iam::123456789012:role/closecast-alerts"


def test_a_task_shows_what_its_role_trusts(monkeypatch: pytest.MonkeyPatch) -> None:
    with scheduler(monkeypatch) as made:
        # when
        made.run("alerts", f'-var=cloud={{roles={{alerts="{ROLE}"}}}}')
        files: list[Path] = []

        def shown() -> bool:
            files.extend(made.state.rglob("alerts/secrets/nomad_aws.jwt"))
            return bool(files)

        wait(shown, 60, "the identity for AWS")
        claims = jwt.decode(files[0].read_text(), options={"verify_signature": False})
        job = made.cluster.job("alerts")
    # then
    audience, nomad = _default("audience"), _default("nomad")
    assert claims["aud"] == audience
    trusted = "${var.nomad.region}:${var.nomad.namespace}:${each.key}:${each.key}:${each.key}:aws"
    assert f'values   = ["{trusted}"]' in (MODULE / "main.tf").read_text()
    filled = trusted.replace("${var.nomad.region}", nomad["region"]).replace(
        "${var.nomad.namespace}", nomad["namespace"]
    )
    assert claims["sub"] == filled.replace("${each.key}", "alerts")
    assert 0 < claims["exp"] - claims["iat"] <= 3600
    # then the task is told of its role, and reads no key
    assert job is not None
    (task,) = job["TaskGroups"][0]["Tasks"]
    assert task["Env"]["AWS_ROLE_ARN"] == ROLE
    assert task["Env"]["AWS_WEB_IDENTITY_TOKEN_FILE"] == "${NOMAD_SECRETS_DIR}/nomad_aws.jwt"


def _default(variable: str) -> Any:
    for one in loads((MODULE / "variables.tf").read_text())["variable"]:
        for name, body in one.items():
            if name.strip('"') == variable:
                return _plain(body["default"])
    raise AssertionError(f"no variable {variable}")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {re.sub('"', "", key): _plain(one) for key, one in value.items() if not key.startswith("__")}
    return value.strip('"') if isinstance(value, str) else value
