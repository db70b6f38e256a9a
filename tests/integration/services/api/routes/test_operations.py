"""`/v1/operations` beside a real PostgreSQL and a real cache: what answers, what is away, and what was asked."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from closecast.models.deal_model import DealModel
from closecast.platform.database import connect
from closecast.platform.flow_runs import FlowRun, note
from services.api.app import create_app
from services.api.settings import Settings
from tests.servers.processes import free_port
from tests.unit.services.api.conftest import KEY, environment, keep
from tests.waiting import until

pytestmark = pytest.mark.integration
Client = TestClient[Any]


@pytest.fixture
def client(database_url: str, valkey_url: str, served_model: DealModel, tmp_path: Path) -> Iterator[Client]:
    keep(served_model, tmp_path)
    settings = Settings.from_environment(
        {**environment(tmp_path), "CLOSECAST_DATABASE_URL": database_url, "CLOSECAST_CACHE_URL": valkey_url}
    )
    with TestClient(create_app(settings)) as made:
        made.headers["X-API-Key"] = KEY
        until(lambda: made.get("/health/ready").status_code == 200)
        yield made


def test_it_tells_what_answers_and_what_is_away(client: Client) -> None:
    # given a registry that nobody runs
    found = client.get("/v1/operations").json()
    needs = {one["name"]: one for one in found["dependencies"]}
    # then
    assert set(needs) == {"model registry", "database", "cache"}
    for name in ("database", "cache"):
        assert needs[name]["problem"] is None
        assert 0 < needs[name]["milliseconds"] < 5_000
    assert needs["model registry"]["milliseconds"] is None
    assert "does not answer" in needs["model registry"]["problem"]
    assert found["model_version"] == "7"


def test_requests_are_counted_by_route(client: Client) -> None:
    for _ in range(5):
        client.get("/v1/pipeline", params={"limit": 1})
    client.get("/v1/forecast")
    routes = {one["route"]: one for one in client.get("/v1/operations").json()["routes"]}
    assert routes["/v1/pipeline"]["requests"] == 5
    assert routes["/v1/pipeline"]["failed"] == 0
    assert all(route.startswith("/v1/") for route in routes)
    assert 0 < routes["/v1/pipeline"]["median_ms"] <= routes["/v1/pipeline"]["p99_ms"]


def test_the_last_run_of_each_flow_is_told(client: Client, database_url: str) -> None:
    # given
    run = FlowRun(
        "train", "sunny-owl", "failed", "No deal was won.", None, datetime(2018, 1, 2, tzinfo=UTC), "http://p/1"
    )
    later = replace(
        run, name="rainy-owl", state="completed", started_at=run.ended_at, ended_at=datetime(2018, 1, 3, tzinfo=UTC)
    )
    with connect(database_url) as connection:
        connection.execute("TRUNCATE flow_runs")
        note(connection, [run])
        note(connection, [later, replace(run, flow="score")])
    # then: the newer one of a flow is its last, and the latest comes first
    told = client.get("/v1/operations").json()["runs"]
    assert [(one["flow"], one["name"], one["state"]) for one in told] == [
        ("train", "rainy-owl", "completed"),
        ("score", "sunny-owl", "failed"),
    ]
    assert (told[0]["started_at"], told[0]["ended_at"]) == ("2018-01-02T00:00:00Z", "2018-01-03T00:00:00Z")
    assert told[1]["started_at"] is None


def test_no_secret_is_told(served_model: DealModel, tmp_path: Path) -> None:
    # given a cache and a database that refuse, with passwords in their addresses
    port = free_port()
    keep(served_model, tmp_path)
    settings = Settings.from_environment(
        {
            **environment(tmp_path),
            "CLOSECAST_DATABASE_URL": f"postgresql://closecast:hush-hush@127.0.0.1:{port}/closecast",
            "CLOSECAST_CACHE_URL": f"redis://:hush-hush@127.0.0.1:{port}/0",
        }
    )
    with TestClient(create_app(settings)) as client:
        until(lambda: client.get("/health/ready").status_code == 200)
        answer = client.get("/v1/operations", headers={"X-API-Key": KEY})
    assert answer.status_code == 200, answer.text
    assert all(one["problem"] for one in answer.json()["dependencies"])
    assert answer.json()["runs"] is None
    assert "hush-hush" not in answer.text
