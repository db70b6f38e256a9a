"""What the simulated year reads of its platform's database, on a real PostgreSQL with every migration."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest

from benchmarks import simulate_scores
from benchmarks.simulate_records import Records
from closecast.features import NAMES
from closecast.platform.database import connect
from closecast.platform.journal.archive import close_batch
from closecast.platform.journal.store import insert
from closecast.platform.mlflow.identity import Identity
from closecast.platform.monitoring import retraining
from closecast.platform.shadow import scoring
from tests.journal_entries import batch

pytestmark = pytest.mark.integration

_NOW = datetime(2017, 7, 1, tzinfo=UTC)


@pytest.fixture
def records(database_url: str) -> Iterator[Records]:
    with connect(database_url) as connection:
        connection.execute(
            "TRUNCATE predictions, archive_batches, retrainings, champion_changes, shadow_positions CASCADE"
        )
        yield Records(connection)


def test_a_batch_is_counted_once_it_is_recorded_and_scored_with_all_models(records: Records) -> None:
    # given
    asked = batch(3)
    assert records.recorded(str(asked.id)) == 0
    # when
    insert(records.connection, [asked])
    # then
    assert records.recorded(str(asked.id)) == 3
    found = records.predictions()
    assert set(found["deal"]) == {"B0", "B1", "B2"}
    matrix = np.frombuffer(asked.features, dtype="<f8").reshape(3, len(NAMES))
    table = simulate_scores.scored(
        found,
        lambda deals, _day: np.where(deals == "B1", np.nan, 0.5),
        {"8": lambda features: features[:, 0]},
        len(NAMES),
    ).set_index("deal")
    assert sorted(table.index) == ["B0", "B2"]
    of = pd.Series(matrix[:, 0], index=["B0", "B1", "B2"])[table.index].to_numpy()
    assert table["excess"].to_numpy() == pytest.approx(simulate_scores.excess(np.full(2, 0.5), of))
    assert table["excess 8"].to_numpy() == pytest.approx(table["excess"].to_numpy())
    assert set(table["as_of"]) == {date(2017, 12, 1)}


def test_a_shadow_is_waited_for_until_it_has_scored_every_batch(records: Records) -> None:
    # given a model in shadow
    assert records.unscored("run-8") == 1
    scoring.begin(records.connection, Identity("8", "run-8"))
    assert records.unscored("run-8") == 0
    # when predictions are recorded, and their batch is closed
    insert(records.connection, [batch(3)])
    assert records.unscored("run-8") == 1
    number = close_batch(records.connection, 1, pd.Timedelta(0).to_pytimedelta())
    assert records.unscored("run-8") == 1
    # then it is waited for until the model has done it
    records.connection.execute("UPDATE shadow_positions SET done = %s", [number])
    assert records.unscored("run-8") == 0


def test_a_retraining_is_seen_from_its_beginning_to_its_end(records: Records) -> None:
    assert not records.is_retraining()
    asked = retraining.request(records.connection, "run-7", "harm", _NOW)
    assert records.is_retraining()
    assert asked.number is not None
    retraining.end(records.connection, asked.number, _NOW, {"version": "8", "promoted": False, "in_shadow": True})
    assert not records.is_retraining()
    (found,) = records.retrainings()
    assert (found["state"], found["requested_at"], found["result"]["version"]) == ("done", _NOW, "8")
    assert records.changes() == []


def test_alerts_are_read_from_a_number_on(records: Records) -> None:
    before = max([number for number, *_ in records.alerts(0)], default=0)
    assert records.alerts(before) == []
