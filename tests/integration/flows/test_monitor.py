"""The flow `monitor` on real servers: a journal of made-up deals, with and without harm, and on bad days."""

import contextvars
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from msgspec.structs import replace

from closecast.deals.synthetic.generator import Settings, generate_with_truth
from closecast.platform.database import connect
from closecast.platform.journal.entry import Entry, new_id
from closecast.platform.journal.outcomes import Outcome, record_outcomes
from closecast.platform.journal.store import Connection, insert
from closecast.platform.mlflow.registry import ModelRegistry, Served
from closecast.platform.monitoring import reports, verdicts
from flows import deployments
from tests.made_up_history import answers, as_of
from tests.servers.mlflow import emptied
from tests.servers.processes import PROJECT
from tests.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.slow]

_CUT, _END = date(2017, 12, 31), date(2018, 4, 30)
_LAST = date(2018, 4, 29)  # on which the model is asked
_SETTINGS = Settings(rows=6_000, first_engaged=date(2016, 6, 1), last_day=_END)
_TABLES = (
    "predictions, archive_batches, outcomes, known_deals, matured_predictions, judgements, verdicts, retrainings, "
    "alerts, alert_deliveries"
)


@dataclass(frozen=True)
class Model:
    """A model that serves, the raw export of its world, and what it says of the open deals every week."""

    served: Served
    raw: pd.DataFrame
    entries: list[Entry]


@pytest.fixture(scope="module")
def model(here: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    from flows.train import train

    folder = tmp_path_factory.mktemp("model")
    raw = generate_with_truth(_SETTINGS, 5)[0]
    as_of(raw, _CUT).to_csv(folder / "trained.csv", index=False)
    with emptied(here["MLFLOW_TRACKING_URI"]) as registry:
        result = train(f"file:{folder / 'trained.csv'}")
        assert result["promoted"], result["reasons"]
        served = registry.champion(folder / "models")
        days = [_CUT + timedelta(days=at) for at in range(0, (_LAST - _CUT).days + 1, 7)]
        yield Model(served, raw, answers(served.model, served.identity, raw, days))


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    with connect(database_url) as connection:
        connection.execute(f"TRUNCATE {_TABLES}")
        yield connection


def _export(raw: pd.DataFrame, day: date, folder: Path) -> str:
    file = folder / f"{day}.csv"
    as_of(raw, day).to_csv(file, index=False)
    return f"file:{file}"


def _with_fewer_won(raw: pd.DataFrame) -> pd.DataFrame:
    """The same deals in a world in which two in three that were won after the cut are lost."""
    changed = raw.copy()
    later = (raw["deal_stage"] == "Won") & (raw["close_date"] > _CUT.isoformat())
    lost = later & (np.random.default_rng(1).random(len(raw)) < 2 / 3)
    changed.loc[lost, ["deal_stage", "close_value"]] = ["Lost", "0"]
    return changed


def _monitored(**parameters: Any) -> dict[str, Any]:
    from flows.monitor import monitor

    found: dict[str, Any] = monitor(**parameters)
    return found


def test_deals_like_those_before_are_steady(
    model: Model, connection: Connection, tmp_path: Path, here: dict[str, str]
) -> None:
    # given a journal of four months
    insert(connection, model.entries)
    # when
    said = _monitored(source=_export(model.raw, _END, tmp_path))
    # then
    assert (said["verdict"], said["day"], said["done"]) == ("steady", str(_LAST), [])
    (stored,) = verdicts.latest(connection)
    assert (stored.number, stored.model_run_id) == (said["number"], model.served.identity.run_id)
    assert stored.figures["looks"]["open"]["state"] == "stable"
    assert [month["month"] for month in stored.figures["months"]] == ["2018-01", "2018-02", "2018-03", "2018-04"]
    assert stored.figures["expected"]["deals"] > 100
    # and Evidently's pages with their results are with the run
    client = MlflowClient(here["MLFLOW_TRACKING_URI"])
    listed = {Path(one.path).name for one in client.list_artifacts(str(stored.reports_run_id), reports.FOLDER)}
    assert listed == {f"{name}.{kind}" for name in reports.NAMES for kind in ("html", "json")} | {"missing.json"}
    # and once they are old, they are deleted, and later the verdict too
    _monitored(source="synthetic:100", at=datetime.now(UTC) + timedelta(days=reports.KEPT_DAYS + 1), day=_CUT)
    assert verdicts.latest(connection, 2)[0].reports_run_id is None
    assert client.get_run(str(stored.reports_run_id)).info.lifecycle_stage == "deleted"
    assert not client.list_artifacts(str(stored.reports_run_id), reports.FOLDER)


def test_harm_is_proved_and_one_training_is_started(
    model: Model, connection: Connection, tmp_path: Path, prefect_api: str
) -> None:
    # given
    deployments.main()
    insert(connection, model.entries)
    source = _export(_with_fewer_won(model.raw), _END, tmp_path)
    # when
    first, second = _monitored(source=source), _monitored(source=source)
    # then
    assert first["verdict"] == second["verdict"] == "harmful, proved"
    assert first["reasons"][0].startswith("outcomes prove since 2018-0")
    assert first["done"][0] == "alert harmful_proved"
    assert first["done"][-1].endswith("was started, attempt 1")
    assert second["done"][0].endswith("is under way")
    assert connection.execute("SELECT count(*), count(DISTINCT day) FROM verdicts").fetchone() == (1, 1)
    (number,) = connection.execute("SELECT number FROM retrainings").fetchone() or (None,)
    body = {"flow_runs": {"tags": {"all_": [f"retraining-{number}"]}}}
    runs = httpx.post(f"{prefect_api}/flow_runs/filter", json=body, timeout=30).json()
    assert [run["parameters"] for run in runs] == [{"number": number}]
    # nothing is counted twice
    (judged,) = connection.execute("SELECT count(*) FROM matured_predictions").fetchone() or (None,)
    (distinct,) = connection.execute('SELECT count(DISTINCT (id, "row")) FROM matured_predictions').fetchone() or (
        None,
    )
    assert judged == distinct


def test_without_a_journal_nothing_is_said(model: Model, connection: Connection) -> None:
    said = _monitored(source="synthetic:500")
    assert said["verdict"] == "not judged"
    assert said["reasons"] == [f"{model.served.identity} has answered nothing yet"]
    assert verdicts.latest(connection) == []


def test_one_deal_is_too_few(model: Model, connection: Connection, tmp_path: Path) -> None:
    # given
    one = answers(model.served.model, model.served.identity, model.raw.head(40), [_CUT + timedelta(days=3)])
    insert(connection, one)
    assert 1 <= len(one[0]) < 30
    # when
    said = _monitored(source=_export(model.raw, _CUT, tmp_path))
    # then
    assert said["verdict"] == "not judged"
    assert "30 or more are needed" in said["reasons"][0]


def test_an_export_that_cannot_be_had_costs_only_what_it_knows(
    model: Model, connection: Connection, tmp_path: Path
) -> None:
    from flows.monitor import MonitorError

    # given posted outcomes, one of a deal that nobody asked about
    insert(connection, model.entries[:1])
    deal = model.entries[0].deals["opportunity_id"][0]
    told = [Outcome(one, "Won", date(2018, 1, 20), None) for one in (deal, "nobody asked")]
    record_outcomes(connection, told, "key:tests")
    # when
    with pytest.raises(MonitorError, match="the export could not be imported, so only posted outcomes are known"):
        _monitored(source=f"file:{tmp_path / 'gone.csv'}")
    # then the look was stored all the same
    (stored,) = verdicts.latest(connection)
    assert stored.reasons[-1].startswith("the export could not be imported")
    assert connection.execute("SELECT count(*) FROM known_deals").fetchone() == (2,)


def test_a_model_without_its_reference_is_judged_by_outcomes(
    model: Model, connection: Connection, tmp_path: Path, here: dict[str, str]
) -> None:
    # given
    insert(connection, model.entries)
    registry = ModelRegistry(here["MLFLOW_TRACKING_URI"])
    client = MlflowClient(here["MLFLOW_TRACKING_URI"])
    kept = tmp_path / "kept"
    client.download_artifacts(model.served.identity.run_id, "reference", str(_made(kept)))
    registry.delete_folder(model.served.identity.run_id, "reference")
    # when
    try:
        said = _monitored(source=_export(model.raw, _END, tmp_path))
    finally:
        client.log_artifacts(model.served.identity.run_id, str(kept / "reference"), "reference")
    # then
    assert said["verdict"] == "steady"
    assert "predictions with outcomes prove no harm" in said["reasons"][0]
    assert "nothing can be compared" in said["reasons"][-1]


def test_two_at_once_look_one_after_the_other(model: Model, connection: Connection, tmp_path: Path) -> None:
    # given
    insert(connection, model.entries[-3:])
    source = _export(model.raw, _END, tmp_path)
    found: list[dict[str, Any]] = []
    # when
    contexts = [contextvars.copy_context() for _ in range(2)]  # with the settings of this one
    threads = [
        threading.Thread(target=lambda context=context: found.append(context.run(_monitored, source=source)))
        for context in contexts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # then
    assert len(found) == 2
    assert found[0]["verdict"] == found[1]["verdict"]
    assert connection.execute("SELECT count(*) FROM verdicts").fetchone() == (1,)


def test_one_that_is_killed_half_way_leaves_a_state_that_the_next_one_completes(
    model: Model, connection: Connection, database_url: str, tmp_path: Path, here: dict[str, str]
) -> None:
    # given a look that has judged, and has to wait before its verdict is stored
    insert(connection, model.entries[:2])
    source = _export(model.raw, _END, tmp_path)
    with connect(database_url) as other, other.transaction():
        other.execute("LOCK TABLE verdicts IN SHARE MODE")
        code = f"from flows.monitor import monitor; monitor(source={source!r})"
        process = subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT, env=here)
        # What another role's session does is not shown, only for what it waits.
        waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'verdicts'::regclass AND NOT granted"
        until(lambda: connection.execute(waiting).fetchone() == (1,), seconds=200)
        # when
        process.kill()
        process.wait(timeout=30)
    judged = connection.execute("SELECT count(*) FROM matured_predictions").fetchone()
    # then (PostgreSQL may still store what it was sent before)
    said = _monitored(source=source)
    assert said["verdict"] == "steady"
    assert connection.execute("SELECT count(*) FROM verdicts").fetchone() == (1,)
    assert connection.execute("SELECT count(*) FROM matured_predictions").fetchone() == judged


def test_predictions_of_days_to_come_do_not_move_the_day_that_is_looked_at(
    model: Model, connection: Connection, tmp_path: Path
) -> None:
    # given a caller whose clock is a century ahead
    insert(connection, [model.entries[0], replace(model.entries[1], id=new_id(), as_of=date(2117, 1, 1))])
    # when
    said = _monitored(source=_export(model.raw, _END, tmp_path))
    # then
    assert said["day"] == str(_CUT)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
