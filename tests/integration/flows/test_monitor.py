"""The flow `monitor` on real servers: a journal of made-up deals, with and without harm."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from closecast.deals.synthetic.generator import Settings, generate_with_truth
from closecast.platform.database import connect
from closecast.platform.journal.store import Connection, insert
from closecast.platform.mlflow.registry import ModelRegistry, Served
from closecast.platform.monitoring import verdicts
from tests.made_up_history import answers, as_of

pytestmark = pytest.mark.integration

_CUT, _END = date(2017, 12, 31), date(2018, 4, 30)
_SETTINGS = Settings(rows=6_000, first_engaged=date(2016, 6, 1), last_day=_END)
_TABLES = "predictions, archive_batches, outcomes, known_deals, matured_predictions, judgements, verdicts, retrainings"


@dataclass(frozen=True)
class World:
    """A model that serves, the files of the export of later days, and the database with its journal."""

    served: Served
    folder: Path
    connection: Connection
    raw: pd.DataFrame

    def export(self, day: date) -> str:
        file = self.folder / f"{day}.csv"
        as_of(self.raw, day).to_csv(file, index=False)
        return f"file:{file}"

    def answer(self, raw: pd.DataFrame, first: date, last: date) -> None:
        """Have the model asked every week about all deals that are open."""
        days = [first + timedelta(days=at) for at in range(0, (last - first).days + 1, 7)]
        insert(self.connection, answers(self.served.model, self.served.identity, raw, days))


@pytest.fixture
def world(here: dict[str, str], empty_registry: ModelRegistry, database_url: str, tmp_path: Path) -> Iterator[World]:
    from flows.train import train

    assert here
    raw = generate_with_truth(_SETTINGS, 5)[0]
    file = tmp_path / "trained.csv"
    as_of(raw, _CUT).to_csv(file, index=False)
    result = train(f"file:{file}")
    assert result["promoted"], result["reasons"]
    served = empty_registry.champion(tmp_path / "models")
    with connect(database_url) as connection:
        connection.execute(f"TRUNCATE {_TABLES}")
        yield World(served, tmp_path, connection, raw)


def _monitored(**parameters: Any) -> dict[str, Any]:
    from flows.monitor import monitor

    found: dict[str, Any] = monitor(**parameters)
    return found


def test_nothing_is_claimed_of_deals_like_those_before(world: World) -> None:
    # given a journal of four months
    world.answer(world.raw, _CUT, _END)
    # when
    said = _monitored(source=world.export(_END))
    # then
    assert said["verdict"] == "steady", said
    assert said["day"] == str(_END - timedelta(days=1))
    print(said)
    (stored,) = verdicts.latest(world.connection)
    print(stored.figures["looks"].keys(), stored.figures["months"], stored.figures["expected"])
