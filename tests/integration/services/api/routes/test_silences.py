"""Silences over a real PostgreSQL: made by name, ended, and both in the audit log."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from closecast.platform.alerts import silences as stored
from closecast.platform.callers import audit
from closecast.platform.database import connect
from services.api.app import create_app
from services.api.settings import Settings
from tests.unit.services.api.conftest import KEY, environment

pytestmark = pytest.mark.integration
ROUTE = "/v1/alerts/silences"
WANTED = {"rule": "data_quality", "hours": 24, "why": " being\n repaired "}


@pytest.fixture
def client(database_url: str, tmp_path: Path) -> Iterator[TestClient[Any]]:
    with connect(database_url) as connection:
        connection.execute("TRUNCATE alert_silences")
    settings = Settings.from_environment({**environment(tmp_path), "CLOSECAST_DATABASE_URL": database_url})
    with TestClient(create_app(settings)) as made:
        made.headers["X-API-Key"] = KEY
        yield made


def _acts(url: str) -> list[tuple[str, str, str]]:
    with connect(url) as connection:
        return [(one.actor, one.act, one.subject) for one in audit.page(connection, 2)]


def test_a_silence_is_made_and_ended_by_name(client: TestClient[Any], database_url: str) -> None:
    # when
    made = client.post(ROUTE, json=WANTED).json()
    # then
    assert (made["rule"], made["labels"], made["who"], made["why"]) == (
        "data_quality",
        {},
        "bootstrap",
        "being repaired",
    )
    ahead = datetime.fromisoformat(made["until"]) - datetime.now(UTC)
    assert timedelta(hours=23, minutes=59) < ahead <= timedelta(hours=24)
    assert client.get(ROUTE).json() == {"silences": [made]}
    with connect(database_url) as connection:
        [found] = stored.silences(connection, datetime.now(UTC))
    assert (found.id, found.rule, found.who) == (made["number"], "data_quality", "bootstrap")
    # when
    assert client.delete(f"{ROUTE}/{made['number']}").json() == {"number": made["number"]}
    # then
    assert client.get(ROUTE).json() == {"silences": []}
    assert client.delete(f"{ROUTE}/{made['number']}").status_code == 404
    assert _acts(database_url) == [
        ("bootstrap", "silence ended", f"silence {made['number']}"),
        ("bootstrap", "alerts silenced", "alerts data_quality"),
    ]


def test_one_alert_of_a_rule_can_be_silenced(client: TestClient[Any]) -> None:
    assert client.post(ROUTE, json={**WANTED, "key": "crm"}).json()["labels"] == {"key": "crm"}


@pytest.mark.parametrize(
    "change",
    [
        {"rule": ""},
        {"rule": "a b"},
        {"rule": None},
        {"hours": 0},
        {"hours": 721},
        {"hours": 1.5},
        {"why": ""},
        {"why": " \n"},
        {"why": "a\u202eb"},
        {"key": "x" * 501},
        {"who": "somebody else"},
    ],
    ids=str,
)
def test_what_is_no_silence_is_refused(client: TestClient[Any], change: dict[str, Any]) -> None:
    assert client.post(ROUTE, json={**WANTED, **change}).status_code in (400, 422)
    assert client.get(ROUTE).json() == {"silences": []}


@pytest.mark.parametrize("number", ["0", "x", "1.5", str(2**70)])
def test_a_number_that_is_none_is_refused(client: TestClient[Any], number: str) -> None:
    assert client.delete(f"{ROUTE}/{number}").status_code in (400, 404)
