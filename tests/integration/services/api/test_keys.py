"""The service beside a real PostgreSQL, Valkey and issuer: keys and tokens by HTTP, roles, the audit log, and no secret told."""

import hashlib
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from closecast.platform.mlflow.identity import Identity
from services.api.access.callers import Callers
from services.api.app import create_app
from services.api.settings import Settings
from tests.conftest import Logged
from tests.issuer import URL, TokenIssuer, issuing
from tests.servers.processes import free_port
from tests.waiting import SOON, until

pytestmark = pytest.mark.integration
Client = TestClient[Any]
KEY = "the operator's own key"
LET_IN = 200


@pytest.fixture(scope="module")
def issuer() -> Iterator[TokenIssuer]:
    with issuing() as made:
        yield made


def settings(folder: Path, issuer: TokenIssuer, **changed: str) -> Settings:
    trusted = {
        "name": "nomad",
        "issuer": URL,
        "jwks_url": issuer.jwks_url,
        "audience": "closecast-api",
        "kind": "workload",
        "role_claim": "nomad_job_id",
        "roles": {"ui": "scorer", "watcher": "viewer"},
        "claims": {"nomad_namespace": "default"},
        "name_claim": "nomad_job_id",
    }
    return Settings.from_environment(
        {
            "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
            "CLOSECAST_MODEL_CACHE": str(folder),
            "CLOSECAST_API_KEY_SHA256": hashlib.sha256(KEY.encode()).hexdigest(),
            "CLOSECAST_TOKEN_ISSUERS": json.dumps([trusted]),
            "CLOSECAST_HOST": "127.0.0.1",
            "CLOSECAST_PORT": "8123",
            **changed,
        }
    )


@pytest.fixture
def service(database_url: str, valkey_url: str, issuer: TokenIssuer, tmp_path: Path) -> Iterator[Client]:
    made = settings(tmp_path, issuer, CLOSECAST_DATABASE_URL=database_url, CLOSECAST_CACHE_URL=valkey_url)
    with TestClient(create_app(made)) as client:
        yield client


def admin(client: Client, method: str, path: str, body: Any = None, status: int | None = None) -> Any:
    answer = client.request(method, path, json=body, headers={"X-API-Key": KEY})
    assert status is None or answer.status_code == status, answer.text
    return answer.json()


def status(client: Client, credentials: str, path: str = "/v1/model") -> int:
    """LET_IN for who is known: there is no model here, which is told to callers only and is not the matter of callers."""
    answer = client.get(path, headers={"Authorization": f"Bearer {credentials}"})
    return LET_IN if "no model serves yet" in answer.text else answer.status_code


def test_a_keys_life_by_http(service: Client, capsys: pytest.CaptureFixture[str], logged: Logged) -> None:
    # when it is made
    made = admin(service, "POST", "/v1/keys", {"name": "dashboard", "role": "viewer", "expires_in_days": 30}, 201)
    secret, identity = made["secret"], made["key"]["id"]
    assert made["key"]["state"] == "active"
    assert secret.startswith(f"cc_{identity}_")
    # then it opens, as a viewer and not as more
    until(lambda: status(service, secret) == LET_IN)
    refused = service.get("/v1/keys", headers={"X-API-Key": secret})
    assert refused.status_code == 403
    assert refused.headers["www-authenticate"].endswith('error="insufficient_scope", scope="admin"')
    assert "needs the role admin, and 'dashboard' has the role viewer" in refused.json()["detail"]
    body = {"deal": {"engage_date": "2017-12-01"}}
    assert service.post("/v1/predictions", json=body, headers={"X-API-Key": secret}).status_code == 403
    # when it is rotated at once
    rotated = admin(service, "POST", f"/v1/keys/{identity}/rotate", {"grace_seconds": 0}, 200)
    # then the new secret opens and the old one does not
    until(lambda: status(service, rotated["secret"]) == LET_IN)
    assert status(service, secret) == 401
    # when it is revoked
    assert admin(service, "DELETE", f"/v1/keys/{identity}", status=200)["state"] == "revoked"
    # then within about a second it opens nothing
    until(lambda: status(service, rotated["secret"]) == 401, SOON)
    assert admin(service, "POST", f"/v1/keys/{identity}/rotate", {}, 409)["title"] == "The key has ended"
    # and all of it was logged, and no secret anywhere
    listed = next(key for key in admin(service, "GET", "/v1/keys", status=200)["keys"] if key["id"] == identity)
    entries = admin(service, "GET", "/v1/audit?limit=50", status=200)["entries"]
    acts = [entry["act"] for entry in entries if entry["subject"] == f"key {identity}"]
    assert acts == ["key revoked", "key rotated", "key created"]
    assert admin(service, "GET", "/v1/audit/verification", status=200)["intact"] is True
    captured = capsys.readouterr()
    told = captured.err + captured.out + json.dumps([listed, entries, logged()])
    for one in (secret.removeprefix(f"cc_{identity}_"), rotated["secret"].removeprefix(f"cc_{identity}_"), KEY):
        assert one not in told
    heads = [(line["seq"], line["seal"]) for line in logged() if line["event"] == "audit" and "seal" in line]
    assert (entries[0]["seq"], entries[0]["sha256"]) in heads


def test_pages_of_the_log_follow_one_another(service: Client) -> None:
    for name in ("one", "two", "three"):
        admin(service, "POST", "/v1/keys", {"name": name}, 201)
    first = admin(service, "GET", "/v1/audit?limit=2", status=200)
    second = admin(service, "GET", f"/v1/audit?limit=2&before={first['next_before']}", status=200)
    places = [entry["seq"] for entry in first["entries"] + second["entries"]]
    assert places == list(range(places[0], places[0] - len(places), -1))


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("POST", "/v1/keys", {"name": ""}, 400),
        *(
            ("POST", "/v1/keys", {"name": name}, 422)
            for name in ("a\x00b", "a\x9b2Jb", "\u202ea", "a\u200bb", " ", "\U000e0041")
        ),
        ("POST", "/v1/keys", {"name": "x", "expires_in_days": "null"}, 400),
        ("POST", "/v1/keys", {"name": "x", "expires_in_days": "30"}, 400),
        ("POST", "/v1/keys", {"name": "x", "role": "god"}, 400),
        ("POST", "/v1/keys", {"name": "x", "expires_in_days": 0}, 400),
        ("POST", "/v1/keys", {"name": "x", "colour": "red"}, 400),
        ("POST", "/v1/keys/aaaaaaaaaaaa/rotate", {}, 404),
        ("POST", "/v1/keys/aaaaaaaaaaaa/rotate", {"grace_seconds": -1}, 400),
        ("DELETE", "/v1/keys/aaaaaaaaaaaa", None, 404),
        ("DELETE", "/v1/keys/%00%27", None, 404),
        ("GET", "/v1/audit?limit=0", None, 400),
        ("GET", "/v1/audit?before=99999999999999999999", None, 400),
    ],
)
def test_what_cannot_be_is_a_problem_document(
    service: Client, method: str, path: str, body: Any, expected: int
) -> None:
    answer = service.request(method, path, json=body, headers={"X-API-Key": KEY})
    assert answer.status_code == expected, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_workloads_are_let_in_by_their_tokens_and_told_apart(service: Client, issuer: TokenIssuer) -> None:
    # given the service has just begun: its first token may be what the keys are waited for with
    assert status(service, issuer.token().decode()) == LET_IN
    # then
    assert status(service, issuer.token(nomad_job_id="watcher").decode()) == LET_IN
    body = {"deal": {"engage_date": "2017-12-01"}}
    watcher = {"Authorization": f"Bearer {issuer.token(nomad_job_id='watcher').decode()}"}
    assert service.post("/v1/predictions", json=body, headers=watcher).status_code == 403
    assert status(service, issuer.token(nomad_job_id="stranger").decode()) == 403
    assert status(service, issuer.token(exp=1_000).decode()) == 401
    assert status(service, issuer.token(aud="another").decode()) == 401


def test_a_token_by_a_new_key_is_let_in_at_its_first_request(service: Client, issuer: TokenIssuer) -> None:
    # given keys that were fetched a while ago
    assert status(service, issuer.token().decode()) == LET_IN
    issuer.add("rotated", "EdDSA")
    time.sleep(5.1)  # noqa: TID251 - an issuer is asked again after five seconds at the earliest
    # when / then: the request waits for the new key instead of being refused
    assert status(service, issuer.token("rotated").decode()) == LET_IN


def test_while_the_database_is_away_known_keys_open_and_nothing_is_administered(
    service: Client, issuer: TokenIssuer, valkey_url: str, tmp_path: Path
) -> None:
    # given a key that this disk has seen
    made = admin(service, "POST", "/v1/keys", {"name": "dashboard", "role": "viewer"}, 201)
    until(lambda: status(service, made["secret"]) == LET_IN)
    kept = tmp_path / "keyring.json"  # written after the key is known
    until(lambda: kept.exists() and made["key"]["id"] in kept.read_text())
    gone = f"postgresql://closecast:hidden@127.0.0.1:{free_port()}/closecast"
    # when another instance starts with it
    alone = settings(tmp_path, issuer, CLOSECAST_DATABASE_URL=gone, CLOSECAST_CACHE_URL=valkey_url)
    with TestClient(create_app(alone)) as client:
        # then
        answer = client.get("/v1/model", headers={"X-API-Key": made["secret"]})
        assert "no model serves yet" in answer.json()["detail"]
        refused = client.post("/v1/keys", json={"name": "x"}, headers={"X-API-Key": KEY})
        assert refused.status_code == 503
        assert "hidden" not in refused.text


def test_a_promotion_that_was_seen_is_in_the_log(
    service: Client, issuer: TokenIssuer, database_url: str, tmp_path: Path
) -> None:
    # when
    callers = Callers(settings(tmp_path / "another", issuer, CLOSECAST_DATABASE_URL=database_url))
    callers.start()
    callers.record_promotion(
        Identity("12", "run-12", "a" * 64), Identity("11", "run-11"), datetime(2018, 1, 2, tzinfo=UTC)
    )
    until(lambda: callers.figures()["audit_waiting"] == 0)
    callers.stop()
    # then
    entry = admin(service, "GET", "/v1/audit?limit=1", status=200)["entries"][0]
    assert (entry["actor"], entry["act"], entry["subject"], entry["details"]) == (
        "api 127.0.0.1:8123",
        "promotion seen",
        "model version 12",
        {
            "before": "11",
            "named_at": "2018-01-02T00:00:00+00:00",
            "run_id": "run-12",
            "run_id_before": "run-11",
            "sha256": "a" * 64,
        },
    )


def test_figures_tell_what_is_shared_and_known(
    issuer: TokenIssuer, database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    callers = Callers(
        settings(tmp_path / "a", issuer, CLOSECAST_DATABASE_URL=database_url, CLOSECAST_CACHE_URL=valkey_url)
    )
    assert callers.figures()["rate_limit_shared"] == 0
    assert callers.figures()["api_keys_age_seconds"] == float("inf")
    callers.start()
    until(lambda: callers.figures()["rate_limit_shared"] == 1 and callers.figures()["api_keys_age_seconds"] < 5)
    callers.stop()
