"""The API's job: it starts without database and cache, trusts this Nomad's tokens, and the UI holds no key."""

import json

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


def test_the_ui_is_let_in_by_its_identity_alone() -> None:
    # given
    (ui,) = parsed("ui")["TaskGroups"][0]["Tasks"]
    provider = {
        "name": "corp",
        "issuer": "https://id.example",
        "jwks_url": "https://id.example/keys",
        "audience": "closecast",
        "role_claim": ["roles"],
        "roles": {"sales": "viewer"},
    }
    (api,) = parsed("api", f"-var=user_issuers={json.dumps([provider])}")["TaskGroups"][0]["Tasks"]
    # when
    text = api["Env"]["CLOSECAST_TOKEN_ISSUERS"].replace("${meta.nomad_address}", "http://127.0.0.1:4646")
    nomad, corp = issuers(text)
    # then
    (identity,) = ui["Identities"]
    assert identity["Audience"] == [nomad.audience]
    assert identity["File"] and identity["TTL"] > 0
    assert ui["Env"]["CLOSECAST_API_TOKEN_FILE"].endswith(f"/nomad_{identity['Name']}.jwt")
    assert "api_key" not in json.dumps(ui).lower()
    assert nomad.role({"nomad_job_id": "ui"}) == "scorer"
    assert nomad.role({"nomad_job_id": "trial"}) is None
    assert (corp.kind, corp.role({"roles": ["sales"]})) == ("user", "viewer")
