"""The routes about the past, over a real PostgreSQL: what was answered comes back, outcomes are kept once."""

from array import array
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from litestar.testing import TestClient

from closecast.platform.alerts.alert import Alert
from closecast.platform.alerts.outbox import fire, resolve
from closecast.platform.database import connect
from closecast.platform.journal.entry import new_id
from closecast.platform.journal.store import Connection, insert
from services.api.routes.alerts import alerts
from services.api.routes.outcomes import record_outcomes
from services.api.routes.recorded import recorded
from tests.integration.services.api.routes.records_client import client_of
from tests.journal_entries import batch, single
from tests.servers.processes import free_port

pytestmark = pytest.mark.integration
Client = TestClient[Any]
PROBLEM = "application/problem+json"
WON = {"opportunity_id": "A1", "deal_stage": "Won", "close_date": "2017-12-20", "close_value": 500}
LOST = {"opportunity_id": "A2", "deal_stage": "Lost", "close_date": "2017-12-21"}


def _client(url: str | None) -> Client:
    return client_of(recorded, record_outcomes, alerts, url=url, role="scorer")


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    with connect(database_url) as connection:
        connection.execute("TRUNCATE predictions, archive_batches, outcomes, alerts")
        yield connection


@pytest.fixture
def client(database_url: str) -> Iterator[Client]:
    with _client(database_url) as client:
        yield client


def test_a_prediction_comes_back_with_every_bit_of_its_features(client: Client, connection: Connection) -> None:
    # given
    entry = single(5)
    insert(connection, [entry])
    # when
    answer = client.get(f"/v1/predictions/{entry.id}").json()
    # then
    assert [value.hex() for line in answer["features"] for value in line] == [
        value.hex() for value in array("d", entry.features)
    ]
    assert answer["probability"] == entry.probability[0]
    assert answer["probabilities"] == entry.probabilities
    assert (answer["id"], answer["row"], answer["rows"]) == (str(entry.id), 0, 1)
    assert (answer["as_of"], answer["horizon_days"], answer["by"]) == ("2017-12-01", 45, "2018-01-15")
    assert answer["model"] == {"name": "closecast", "version": "7", "run_id": "run-7", "kind": None}
    assert answer["deal"] == {"opportunity_id": "A5", "engage_date": "2017-11-20", "sales_agent": "Ada Berg"}
    assert (answer["unseen"], answer["caller"], answer["days"]) == (["sales_agent"], "key:tests", entry.days)


def test_a_deal_of_a_batch_is_found_by_its_row(client: Client, connection: Connection) -> None:
    entry = batch(5)
    insert(connection, [entry])
    answer = client.get(f"/v1/predictions/{entry.id}", params={"row": 4}).json()
    assert (answer["row"], answer["rows"], answer["probability"]) == (4, 5, entry.probability[2])
    assert client.get(f"/v1/predictions/{entry.id}", params={"row": 1}).status_code == 404


@pytest.mark.usefixtures("connection")
def test_an_unknown_prediction_is_told_from_one_that_is_on_its_way(client: Client) -> None:
    young = client.get(f"/v1/predictions/{new_id()}")
    unknown = client.get("/v1/predictions/0195a000-0000-7000-8000-000000000000")
    other = client.get("/v1/predictions/1b671a64-40d5-491e-99b0-da01ff1f3341")
    assert {answer.status_code for answer in (young, unknown, other)} == {404}
    assert "not recorded yet" in young.json()["detail"]
    assert "is not known" in unknown.json()["detail"]
    assert "not its request_id" in other.json()["detail"]
    assert young.headers["content-type"].startswith(PROBLEM)


def test_something_else_than_an_id_is_no_failure(client: Client) -> None:
    for path in ("x", "%00", "..", "1" * 5000):
        assert client.get(f"/v1/predictions/{path}").status_code in (400, 404)
    for row in ("-1", "x", "99999999999999999999", "1.5"):
        assert client.get(f"/v1/predictions/{new_id()}", params={"row": row}).status_code == 400


def test_outcomes_told_again_change_nothing(client: Client, connection: Connection) -> None:
    def tell(*outcomes: Any) -> Any:
        return client.post("/v1/outcomes", json={"outcomes": list(outcomes)}).json()

    assert tell(WON, LOST) == {"added": 2, "changed": 0, "unchanged": 0}
    assert tell(WON, LOST) == {"added": 0, "changed": 0, "unchanged": 2}
    assert tell({**WON, "close_value": 450}, LOST) == {"added": 0, "changed": 1, "unchanged": 1}
    found = connection.execute("SELECT opportunity_id, close_value, caller FROM outcomes ORDER BY 1").fetchall()
    assert found == [("A1", 450.0, "key:tests"), ("A2", None, "key:tests")]


def test_ten_thousand_outcomes_are_taken_at_once(client: Client, connection: Connection) -> None:
    outcomes = [{**WON, "opportunity_id": f"A{number}"} for number in range(10_000)]
    assert client.post("/v1/outcomes", json={"outcomes": outcomes}).json()["added"] == 10_000
    assert connection.execute("SELECT count(*) FROM outcomes").fetchone() == (10_000,)
    assert client.post("/v1/outcomes", json={"outcomes": [*outcomes, LOST]}).status_code == 400


_TOMORROW = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()


@pytest.mark.parametrize(
    ("outcomes", "status", "field"),
    [
        ([WON, LOST, WON], 422, "outcomes[2].opportunity_id"),
        ([{**WON, "close_date": _TOMORROW}], 422, "outcomes[0].close_date"),
        ([{**WON, "close_date": "1066-10-14"}], 422, "outcomes[0].close_date"),
        ([{**WON, "opportunity_id": "   "}], 422, "outcomes[0].opportunity_id"),
        ([{**WON, "opportunity_id": ""}], 400, None),
        ([{**WON, "opportunity_id": "A\x00"}], 400, None),
        ([{**WON, "opportunity_id": "x" * 501}], 400, None),
        ([{**WON, "deal_stage": "Engaging"}], 400, None),
        ([{**WON, "close_date": "soon"}], 400, None),
        ([{**WON, "close_value": -1}], 400, None),
        ([{**WON, "close_value": 10**400}], 400, None),
        ([{**WON, "colour": "red"}], 400, None),
        ([{"opportunity_id": "A1"}], 400, None),
        ([], 400, None),
        ("x", 400, None),
    ],
)
def test_an_outcome_that_cannot_be_is_refused_and_none_is_kept(
    client: Client, connection: Connection, outcomes: Any, status: int, field: str | None
) -> None:
    answer = client.post("/v1/outcomes", json={"outcomes": outcomes})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith(PROBLEM)
    if field:
        assert answer.json()["errors"][0]["field"] == field
    assert connection.execute("SELECT count(*) FROM outcomes").fetchone() == (0,)


@pytest.mark.parametrize(
    "url",
    [None, f"postgresql://closecast:secret-word@127.0.0.1:{free_port()}/closecast"],
    # The port is another in each process of a parallel run, which must name its tests alike.
    ids=["unset", "away"],
)
def test_a_database_that_is_away_is_a_503_without_its_password(url: str | None) -> None:
    with _client(url) as client:
        answers = [
            client.get(f"/v1/predictions/{new_id()}"),
            client.post("/v1/outcomes", json={"outcomes": [WON]}),
        ]
    for answer in answers:
        assert answer.status_code == 503
        assert answer.headers["content-type"].startswith(PROBLEM)
        assert answer.headers["retry-after"]
        assert "secret-word" not in answer.text


def test_open_alerts_are_listed_the_newest_first(client: Client, connection: Connection) -> None:
    # given
    for number, severity in enumerate(("note", "page", "page")):
        links = {"run": f"https://localhost/runs/{number}"}
        fire(connection, Alert("harm", f"model {number}", severity, "Harm", "Much", links, {"model": str(number)}))  # type: ignore[arg-type]
    resolve(connection, "harm", "model 1")
    # when
    newest, oldest = client.get("/v1/alerts").json()["alerts"]
    # then
    assert (newest["key"], oldest["key"]) == ("model 2", "model 0")
    assert (
        newest.items()
        >= {
            "rule": "harm",
            "severity": "page",
            "summary": "Harm",
            "description": "Much",
            "links": {"run": "https://localhost/runs/2"},
            "labels": {"model": "2"},
        }.items()
    )


def test_alerts_without_a_database_are_unavailable() -> None:
    with _client(None) as client:
        assert client.get("/v1/alerts").status_code == 503
