"""Opinions beside a real PostgreSQL: kept with the model's chance, by name, and forgotten with it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from closecast.models.deal_model import DealModel
from closecast.platform.callers.acts import By
from closecast.platform.callers.users import UserStore
from closecast.platform.database import connect
from closecast.platform.forget.database import Database
from closecast.platform.forget.matcher import Matcher
from services.api.app import create_app
from services.api.settings import Settings
from tests.unit.services.api.conftest import KEY, environment, keep
from tests.waiting import SOON, until

pytestmark = pytest.mark.integration
Client = TestClient[Any]
PASSWORD = "correct horse battery"
REASON = "Maud Quist has the budget."


@pytest.fixture
def client(database_url: str, served_model: DealModel, tmp_path: Path) -> Iterator[Client]:
    with connect(database_url) as connection:
        connection.execute("TRUNCATE users, sessions, failed_sign_ins, opinions")
    for name, role in (("ada", "scorer"), ("vera", "viewer")):
        UserStore(lambda: database_url).create(name, role, By("bootstrap"), PASSWORD)  # type: ignore[arg-type]
    keep(served_model, tmp_path)
    settings = Settings.from_environment({**environment(tmp_path), "CLOSECAST_DATABASE_URL": database_url})
    with TestClient(create_app(settings)) as made:
        made.headers["X-API-Key"] = KEY
        until(lambda: made.get("/health/ready").status_code == 200)
        yield made


@pytest.fixture
def deal(client: Client) -> str:
    """The identifier of an open deal."""
    return str(client.get("/v1/pipeline", params={"limit": 1}).json()["deals"][0]["opportunity_id"])


def _as(client: Client, name: str) -> dict[str, str]:
    """The headers of a person who has signed in."""
    token = client.post("/v1/sign-in", json={"name": name, "password": PASSWORD}).json()["token"]
    headers = {"X-API-Key": token}
    until(lambda: client.get("/v1/me", headers=headers).status_code == 200, SOON)
    return headers


def _kept(client: Client, deal: str, headers: dict[str, str] | None = None) -> list[dict[str, Any]]:
    answer = client.get("/v1/opinions", params={"opportunity_id": deal}, headers=headers)
    assert answer.status_code == 200, answer.text
    opinions: list[dict[str, Any]] = answer.json()["opinions"]
    return opinions


def test_somebody_disagrees_and_the_model_stays_what_it_was(client: Client, deal: str) -> None:
    # given
    before = client.get("/v1/deal", params={"opportunity_id": deal}).json()
    assert _kept(client, deal) == []
    # when
    body = {"opportunity_id": deal, "expects": "higher", "reason": "  The budget\n is approved. "}
    told = client.post("/v1/opinions", json=body, headers=_as(client, "ada"))
    client.post("/v1/opinions", json={**body, "expects": "lower", "reason": "No.", "horizon": 30})
    # then
    assert told.status_code == 201
    latest, first = _kept(client, deal)
    assert first == told.json()
    assert (first["by_whom"], first["expects"], first["reason"]) == ("ada", "higher", "The budget is approved.")
    assert first["probability"] == before["outlook"]["probability"]
    assert (first["as_of"], first["by"], first["model_version"]) == (before["as_of"], before["by"], "7")
    assert (latest["by_whom"], latest["reason"]) == ("bootstrap", "No.")
    assert client.get("/v1/deal", params={"opportunity_id": deal}).json() == before


def test_who_reads_may_read_it_and_no_more(client: Client, deal: str) -> None:
    # given
    body = {"opportunity_id": deal, "expects": "lower", "reason": REASON}
    assert client.post("/v1/opinions", json=body).status_code == 201
    # when
    vera = _as(client, "vera")
    # then
    assert [one["reason"] for one in _kept(client, deal, vera)] == [REASON]
    assert client.post("/v1/opinions", json=body, headers=vera).status_code == 403


def test_a_name_in_a_reason_can_be_forgotten(client: Client, deal: str, database_url: str) -> None:
    # given
    assert client.post("/v1/opinions", json={"opportunity_id": deal, "expects": "lower", "reason": REASON}).is_success
    matcher, room = Matcher({"Maud Quist": "person-1"}), Database(database_url)
    assert room.count(matcher)["database closecast: opinions"] == 1
    # when
    room.clear(matcher)
    # then
    assert [one["reason"] for one in _kept(client, deal)] == ["person-1 has the budget."]
