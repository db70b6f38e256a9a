"""Forecasts in a real PostgreSQL: stored once, replaced, and made anew when the deals are others."""

from collections.abc import Iterator
from datetime import date

import pandas as pd
import psycopg
import pytest

from closecast.forecast.ledger import Ledger
from closecast.forecast.past import Forecast
from closecast.platform import forecasts
from closecast.platform.database import connect
from closecast.platform.journal.store import Connection

pytestmark = pytest.mark.integration
SOURCE = "file:/exports/deals.csv"
AUGUST, SEPTEMBER, END = date(2017, 8, 20), date(2017, 9, 3), date(2017, 9, 30)


@pytest.fixture
def ledger(made_up_deals: pd.DataFrame) -> Ledger:
    return Ledger(made_up_deals)


@pytest.fixture
def connection(database_url: str, monitoring_url: str) -> Iterator[Connection]:
    """With the rights of the flow."""
    with connect(database_url) as owner:
        owner.execute("TRUNCATE forecasts")
    with connect(monitoring_url) as connection:
        yield connection


def test_what_is_stored_is_read_in_the_order_of_time(connection: Connection, ledger: Ledger) -> None:
    made = [
        Forecast(SEPTEMBER, END, 300, 30, 3.5, None),
        Forecast(AUGUST, END, 2**40, 20, 2.5, "run"),
        Forecast(AUGUST, SEPTEMBER, 100, 10, 1.5, None),
    ]
    forecasts.store(connection, SOURCE, made, ledger)
    forecasts.store(connection, "synthetic", made[:1], ledger)
    assert forecasts.load(connection, SOURCE) == made[::-1]
    assert forecasts.load(connection, "s3://none") == []


def test_the_same_date_and_model_is_replaced_another_model_is_kept(connection: Connection, ledger: Ledger) -> None:
    forecasts.store(connection, SOURCE, [Forecast(AUGUST, END, 1, 1, 1.0, run) for run in (None, "a", "b")], ledger)
    forecasts.store(connection, SOURCE, [Forecast(AUGUST, END, 2, 2, 2.0, "a")], ledger)
    assert {(one.run_id, one.cents) for one in forecasts.load(connection, SOURCE)} == {(None, 2), ("a", 4), ("b", 2)}


def test_forecasts_of_other_deals_are_made_anew(
    connection: Connection, ledger: Ledger, made_up_deals: pd.DataFrame
) -> None:
    # given
    made = [Forecast(day, END, 1, 1, 1.0, run) for day in (AUGUST, SEPTEMBER) for run in (None, "a")]
    forecasts.store(connection, SOURCE, made, ledger)
    forecasts.store(connection, "synthetic", made, ledger)
    assert forecasts.made_afterwards(connection, SOURCE, ledger) == {AUGUST, SEPTEMBER}
    # when a deal is corrected, then all are kept
    changed = made_up_deals.copy()
    won = changed.index[(changed["deal_stage"] == "Won") & (changed["close_date"] <= pd.Timestamp(AUGUST))]
    changed.loc[won[0], "close_value"] += 1
    assert forecasts.made_afterwards(connection, SOURCE, Ledger(changed)) == {AUGUST, SEPTEMBER}
    # when from between the dates on much is other, then that of the first date is kept
    later = (changed["deal_stage"] == "Won") & changed["close_date"].between(
        pd.Timestamp(AUGUST) + pd.Timedelta(days=1), pd.Timestamp(SEPTEMBER)
    )
    changed.loc[later, "close_value"] *= 9
    assert forecasts.made_afterwards(connection, SOURCE, Ledger(changed)) == {AUGUST}
    assert {one.as_of for one in forecasts.load(connection, SOURCE)} == {AUGUST}
    # and those of another source stay
    assert len(forecasts.load(connection, "synthetic")) == 4


@pytest.mark.usefixtures("connection")
def test_only_the_flow_may_write(monitoring_url: str) -> None:
    for role in ("alerts", "shadow"):
        with connect(monitoring_url.replace("//monitor:", f"//{role}:")) as other:
            for statement in ("SELECT * FROM forecasts", "DELETE FROM forecasts"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    other.execute(statement)
