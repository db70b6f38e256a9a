"""`GET /v1/model/history` over a real PostgreSQL: who answered on a day, and what became of the answers."""

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from litestar.testing import TestClient

from closecast.monitoring.outcomes import REPORT_COLUMNS
from closecast.platform.database import connect
from closecast.platform.journal.store import Connection, insert
from closecast.platform.mlflow import champions
from closecast.platform.mlflow.champions import Change
from closecast.platform.mlflow.identity import Identity
from closecast.platform.monitoring.judging import judge
from services.api.routes.history import champions as all_champions
from services.api.routes.history import model_history
from tests.integration.services.api.routes.records_client import client_of
from tests.journal_entries import single
from tests.servers.processes import free_port

pytestmark = pytest.mark.integration
ROUTE = "/v1/model/history"
DAY = date(2018, 1, 10)
TABLES = "predictions, archive_batches, outcomes, known_deals, matured_predictions, judgements"


@pytest.fixture
def client(database_url: str) -> Iterator[TestClient[Any]]:
    with client_of(model_history, all_champions, url=database_url) as client:
        yield client


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    with connect(database_url) as connection:
        connection.execute(f"TRUNCATE {TABLES}")
        yield connection
        connection.execute(f"TRUNCATE {TABLES}")


def _predict(
    connection: Connection,
    deal: str | None,
    chance: float,
    run: str = "run-7",
    days: int = 30,
    hour: float = 12,
    **more: Any,
) -> None:
    known = {"opportunity_id": [deal]} if deal is not None else {"engage_date": ["2017-11-20"]}
    at = datetime(2018, 1, 10, tzinfo=UTC) + timedelta(hours=hour)
    entry: dict[str, Any] = {
        "deals": known,
        "probability": [chance],
        "horizon_days": days,
        "time": at,
        "as_of": DAY,
    } | more
    insert(connection, [single(model_run_id=run, model_version=run[-1], unseen=[[]], **entry)])


def _end(connection: Connection, reach: str, **stages: str) -> None:
    """Judge by an export up to `reach`; each deal was Won or Lost on 15 January, or is Open."""
    rows = [(deal, stage, None if stage == "Open" else "2018-01-15", reach, reach) for deal, stage in stages.items()]
    export = pd.DataFrame(rows, columns=list(REPORT_COLUMNS))
    for name in ("close_date", "told_on", "reach"):
        export[name] = pd.to_datetime(export[name])
    judge(connection, export)


def _answered(client: TestClient[Any]) -> list[dict[str, Any]]:
    """Of DAY's models those that answered; the audit log keeps champions of other tests, which are told too."""
    found = client.get(ROUTE, params={"day": str(DAY)}).json()["models"]
    return [one for one in found if one["predictions"]]


def test_a_day_is_told_by_model_with_what_became_of_its_answers(
    client: TestClient[Any], connection: Connection
) -> None:
    # given answers of two models, on the day, and just before and after it
    for deal, chance in (("A", 0.65), ("B", 0.61), ("C", 0.12)):
        _predict(connection, deal, chance)
    _predict(connection, "A", 0.9, days=60)  # of one deal, the horizon nearest to 30 days counts
    _predict(connection, "D", 0.3, days=90)
    _predict(connection, None, 0.3)
    _predict(connection, "E", 0.5, run="run-8", hour=0)
    _predict(connection, "E", 0.5, run="run-8", hour=23.999)
    _predict(connection, "F", 0.5, run="run-9", hour=-0.001)
    _predict(connection, "F", 0.5, run="run-9", hour=24)
    # when nothing is known yet
    first, second = _answered(client)
    # then all that can be judged waits
    assert (first["version"], first["run_id"], first["run"]) == ("7", "run-7", "http://127.0.0.1:5000/#/runs/run-7")
    assert (first["predictions"], first["judged"], first["not_judged"]) == (6, None, 1)
    assert first["waiting"] == {"predictions": 5, "first": "2018-02-09", "last": "2018-04-10"}
    assert (second["run_id"], second["predictions"]) == ("run-8", 2)
    # when the closes up to the middle of February are known
    _end(connection, "2018-02-15", A="Won", B="Lost", C="Lost", D="Open", E="Won")
    first, second = _answered(client)
    # then those that matured are judged, by deal
    assert first["waiting"] == {"predictions": 2, "first": "2018-03-11", "last": "2018-04-10"}
    assert (first["judged"]["predictions"], first["judged"]["deals"], first["judged"]["won"]) == (3, 3, 1)
    assert first["judged"]["log_loss"] == pytest.approx(-(math.log(0.65) + math.log(0.39) + math.log(0.88)) / 3)
    entropies = [-p * math.log(p) - (1 - p) * math.log(1 - p) for p in (0.65, 0.61, 0.12)]
    assert first["judged"]["expected_log_loss"] == pytest.approx(sum(entropies) / 3)
    assert first["judged"]["calibration_error"] == pytest.approx((0.12 + abs(1 - 1.26)) / 3)
    low, high = first["judged"]["bins"]
    assert low == {"low": 0.1, "high": 0.2, "deals": 1, "won": 0, "mean_probability": pytest.approx(0.12)}
    assert (high["low"], high["deals"], high["won"], high["mean_probability"]) == (0.6, 2, 1, pytest.approx(0.63))
    # and the same question asked twice is judged once
    assert (second["judged"]["predictions"], second["not_judged"], second["waiting"]) == (1, 1, None)


def test_it_is_told_since_when_each_was_champion(client: TestClient[Any], connection: Connection) -> None:
    before = client.get(ROUTE).json()
    answering, silent = Identity("8", "history-run-8"), Identity("9", "history-run-9")
    champions.log_change(connection, "flow train/otter", answering, None, Change(reason="it is better"))
    champions.log_change(connection, "key:operator", silent, answering, Change(champions.ROLLED_BACK))
    _predict(connection, "A", 0.5, run=answering.run_id, time=datetime.now(UTC))
    # when it is asked about today
    answer = client.get(ROUTE).json()
    # then the model that answered comes first, and the champion that did not is there too
    assert answer["day"] == before["day"] == str(datetime.now(UTC).date())
    found = {one["run_id"]: one for one in answer["models"]}
    assert answer["models"][0]["run_id"] == answering.run_id
    assert found[silent.run_id]["predictions"] == 0
    told = found[answering.run_id]["champion"]
    assert (told["how"], told["by"], told["decision"]) == ("promoted", "flow train/otter", "it is better")
    assert told["until"] == found[silent.run_id]["champion"]["since"]
    assert (found[silent.run_id]["champion"]["how"], found[silent.run_id]["champion"]["until"]) == ("rolled back", None)
    # and among all champions they are the latest
    listed = client.get("/v1/model/champions", params={"limit": 2}).json()["champions"]
    assert [one["run_id"] for one in listed] == [silent.run_id, answering.run_id]
    assert listed[1]["champion"] == told
    # and nothing of it the day before
    yesterday = client.get(ROUTE, params={"day": str(datetime.now(UTC).date() - timedelta(days=1))}).json()
    assert {answering.run_id, silent.run_id}.isdisjoint(one["run_id"] for one in yesterday["models"])


def test_what_was_judged_is_told_though_the_predictions_have_left(
    client: TestClient[Any], connection: Connection
) -> None:
    # given predictions of today, one of which is not judged
    now = datetime.now(UTC)
    for deal, chance in (("A", 0.65), ("B", 0.25), ("C", 0.25)):
        _predict(connection, deal, chance, time=now)
    _end(connection, "2018-02-15", A="Won", B="Lost")
    asked = {"day": str(now.date())}
    before = next(one for one in client.get(ROUTE, params=asked).json()["models"] if one["run_id"] == "run-7")
    assert (before["predictions"], before["not_judged"]) == (3, 1)
    # when one, and then all of them leave the database
    for where in ("opportunity_id = 'A'", "true"):
        connection.execute(f"DELETE FROM predictions WHERE {where}")
        after = next(one for one in client.get(ROUTE, params=asked).json()["models"] if one["run_id"] == "run-7")
        # then what became of them is known as before
        assert after["judged"] == before["judged"]
    assert (after["predictions"], after["not_judged"], after["waiting"]) == (2, 0, None)


@pytest.mark.usefixtures("connection")
def test_any_day_is_answered_and_nothing_else(client: TestClient[Any]) -> None:
    for day in ("0001-01-01", "1970-01-01", "9999-12-31"):
        assert client.get(ROUTE, params={"day": day}).status_code == 200, day
    for day in ("x", "2018-02-30", "99999-01-01", ""):
        assert client.get(ROUTE, params={"day": day}).status_code == 400, day


def test_a_database_that_is_away_is_said() -> None:
    with client_of(model_history, url=f"postgresql://closecast:hidden@127.0.0.1:{free_port()}/closecast") as client:
        answer = client.get(ROUTE)
    assert answer.status_code == 503
    assert "hidden" not in answer.text
