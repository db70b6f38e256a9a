"""`GET /v1/monitoring` over a real PostgreSQL."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from litestar.testing import TestClient

from closecast.monitoring.verdict import Finding, Verdict
from closecast.platform.database import connect
from closecast.platform.journal.store import Connection
from closecast.platform.monitoring import verdicts
from services.api.routes.monitoring import monitoring
from tests.integration.services.api.routes.records_client import client_of
from tests.servers.processes import free_port

pytestmark = pytest.mark.integration
_AT = datetime(2018, 2, 1, 6, 30, tzinfo=UTC)


@pytest.fixture
def client(database_url: str) -> Iterator[TestClient[Any]]:
    with client_of(monitoring, url=database_url) as client:
        yield client


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    with connect(database_url) as connection:
        connection.execute("TRUNCATE verdicts")
        yield connection


def _say(connection: Connection, day: date, verdict: Verdict, reports: str | None = None) -> int:
    finding = Finding(verdict, (f"because of {day}",))
    return verdicts.store(connection, day, "7", "run-7", finding, {"matured": 3}, reports, None, _AT)


def test_the_latest_looks_come_first(client: TestClient[Any], connection: Connection) -> None:
    # given three looks, the second of which was made twice
    _say(connection, date(2018, 1, 29), Verdict.STEADY)
    first = _say(connection, date(2018, 1, 30), Verdict.STEADY)
    _say(connection, date(2018, 1, 31), Verdict.PROVED, "reports-1")
    assert _say(connection, date(2018, 1, 30), Verdict.SHIFTED) == first
    # when
    answer = client.get("/v1/monitoring", params={"limit": 2})
    # then
    assert answer.status_code == 200
    said = answer.json()["verdicts"]
    assert [(one["day"], one["verdict"]) for one in said] == [
        ("2018-01-31", "harmful, proved"),
        ("2018-01-30", "shifted"),
    ]
    assert said[0]["reports"] == "http://127.0.0.1:5000/#/runs/reports-1"
    assert said[0]["reasons"] == ["because of 2018-01-31"]
    assert (said[0]["version"], said[0]["run_id"], said[0]["figures"]) == ("7", "run-7", {"matured": 3})


@pytest.mark.parametrize("limit", ["0", "367", "many"])
def test_an_odd_limit_is_refused(client: TestClient[Any], limit: str) -> None:
    assert client.get("/v1/monitoring", params={"limit": limit}).status_code == 400


def test_without_a_database_it_says_so() -> None:
    with client_of(monitoring, url=f"postgresql://closecast:secret-word@127.0.0.1:{free_port()}/closecast") as client:
        answer = client.get("/v1/monitoring")
    assert answer.status_code == 503
    assert "secret-word" not in answer.text
