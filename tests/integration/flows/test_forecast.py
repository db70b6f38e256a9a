"""The flow `forecast` on real servers: past weeks once, the served model's each day, and days without a model."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from closecast.deals.synthetic.generator import Settings, generate_with_truth
from closecast.platform import forecasts
from closecast.platform.database import connect
from closecast.platform.journal.store import Connection
from tests.made_up_history import as_of

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.usefixtures("here", "empty_registry")]

_END = date(2017, 12, 27)
_SETTINGS = Settings(rows=3_000, first_engaged=date(2016, 9, 1), last_day=_END)


@pytest.fixture(scope="module")
def raw() -> pd.DataFrame:
    return generate_with_truth(_SETTINGS, 5)[0]


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    with connect(database_url) as connection:
        connection.execute("TRUNCATE forecasts")
        yield connection


def _export(raw: pd.DataFrame, day: date, file: Path) -> str:
    as_of(raw, day).to_csv(file, index=False)
    return f"file:{file}"


def _forecast(source: str) -> dict[str, Any]:
    from flows.forecast import forecast

    found: dict[str, Any] = forecast(source=source)
    return found


def test_past_weeks_are_made_once_and_the_served_models_forecast_is_added_each_day(
    raw: pd.DataFrame, connection: Connection, tmp_path: Path
) -> None:
    from flows.train import train

    # given a platform without a model
    file = tmp_path / "deals.csv"
    source = _export(raw, _END - timedelta(days=8), file)
    first = _forecast(source)
    # then only past weeks are forecast, and most results lie within their bounds
    assert first["today"] == "no model serves yet: only forecasts of past weeks are stored"
    assert first["weeks_made"] > 20
    assert first["weeks_judged"] > 10
    assert first["within"] > 0.5
    before = forecasts.load(connection, first["source"])
    assert {one.run_id for one in before} == {None}
    # when a model serves, on the next day
    result = train(source)
    version = result["version"] if result["promoted"] else result["baseline"]["version"]
    _export(raw, _END - timedelta(days=7), file)
    second = _forecast(source)
    # then one more forecast is stored, and nothing is made again
    assert second["weeks_made"] == 0
    assert second["today"].startswith(f"as of {_END - timedelta(days=7)}, version {version} expects ")
    kept = forecasts.load(connection, first["source"])
    assert [one for one in kept if one.run_id is None] == before
    (recorded,) = [one for one in kept if one.run_id is not None]
    assert (recorded.as_of, recorded.by) == (_END - timedelta(days=7), date(2017, 12, 31))
    # when a week has passed, then the week's Sunday is added, and the same look twice is one
    _export(raw, _END, file)
    assert _forecast(source)["weeks_made"] == 1
    assert _forecast(source)["weeks_made"] == 0
    assert sum(one.run_id is not None for one in forecasts.load(connection, first["source"])) == 2


def test_a_model_of_other_deals_forecasts_nothing_here(
    raw: pd.DataFrame, connection: Connection, tmp_path: Path
) -> None:
    from flows.train import train

    train(_export(raw, _END, tmp_path / "trained.csv"))
    other = _export(raw.head(1_500), _END, tmp_path / "other.csv")
    found = _forecast(other)
    assert found["today"].endswith("was trained on other deals: no forecast of it is stored")
    stored = forecasts.load(connection, found["source"])
    assert stored
    assert all(one.run_id is None for one in stored)


def test_too_short_an_export_is_said_and_stores_nothing(
    raw: pd.DataFrame, connection: Connection, tmp_path: Path
) -> None:
    found = _forecast(_export(raw, date(2016, 10, 1), tmp_path / "short.csv"))
    assert "needed are 28 or more" in found["today"] or "is closed" in found["today"]
    assert (found["weeks_made"], found["within"]) == (0, None)
    assert connection.execute("SELECT count(*) FROM forecasts").fetchone() == (0,)
