"""The API's job: it starts without database and cache, trusts the tokens that it is told to, and the UI holds no key."""

import json
import re

import pytest

from closecast.platform.callers.issuers import issuers
from tests.unit.jobs.test_job_files import NOMAD, parsed

pytestmark = pytest.mark.skipif(
    NOMAD is None, reason="there is no Nomad, and `./just test` tells why it could not get one"
)


def test_the_addresses_hold_nothing_back_and_restart_nothing() -> None:
    (task,) = parsed("api")["TaskGroups"][0]["Tasks"]
    (found,) = [
        template for template in task["Templates"] if template["DestPath"] == task["Env"]["CLOSECAST_ADDRESSES"]
    ]
    assert found["ChangeMode"] == "noop"
    assert not found["Envvars"]
    assert "waits-for" not in found["EmbeddedTmpl"]
    for name in ("CLOSECAST_DATABASE_URL", "CLOSECAST_CACHE_URL"):
        assert f"\n{name}=" in found["EmbeddedTmpl"]


def test_the_ui_holds_no_credential_of_its_own() -> None:
    (ui,) = parsed("ui")["TaskGroups"][0]["Tasks"]
    assert not ui.get("Identities")
    assert not re.search("key|token|password|secret=", json.dumps(ui["Env"]), re.IGNORECASE)
    assert "nomadVar" not in json.dumps([one for one in ui["Templates"] if "waits-for" not in one["EmbeddedTmpl"]])


def test_nobodys_tokens_are_trusted_unless_said() -> None:
    (api,) = parsed("api")["TaskGroups"][0]["Tasks"]
    assert issuers(api["Env"]["CLOSECAST_TOKEN_ISSUERS"]) == ()


def test_jobs_and_providers_are_trusted_as_they_are_named() -> None:
    # given
    provider = {
        "name": "corp",
        "issuer": "https://id.example",
        "jwks_url": "https://id.example/keys",
        "audience": "closecast",
        "role_claim": ["roles"],
        "roles": {"sales": "viewer"},
    }
    named = [f"-var=user_issuers={json.dumps([provider])}", '-var=workload_roles={"reports": "viewer"}']
    (api,) = parsed("api", *named)["TaskGroups"][0]["Tasks"]
    # when
    text = api["Env"]["CLOSECAST_TOKEN_ISSUERS"].replace("${meta.nomad_address}", "http://127.0.0.1:4646")
    nomad, corp = issuers(text)
    # then
    assert nomad.role({"nomad_job_id": "reports"}) == "viewer"
    assert nomad.role({"nomad_job_id": "trial"}) is None
    assert (corp.kind, corp.role({"roles": ["sales"]})) == ("user", "viewer")
