"""The quarter's forecast: its parts, groups and bounds, and what is older than any deal that closed."""

from datetime import date, timedelta
from typing import get_args

import pandas as pd
import pytest

from closecast.features import History
from closecast.forecast.chances import ModelChances
from closecast.forecast.ledger import Ledger
from closecast.forecast.past import Forecast
from closecast.forecast.quarter import GroupBy, QuarterForecast, forecast, group_columns

AS_OF, END = date(2017, 8, 20), date(2017, 9, 30)


def asked(
    ledger: Ledger,
    history: History,
    chances: ModelChances,
    as_of: date = AS_OF,
    made: tuple[Forecast, ...] = (),
    by: GroupBy = "product",
) -> QuarterForecast:
    return forecast(ledger, history, chances, as_of, made, by)


@pytest.fixture(scope="module")
def with_teams(ledger: Ledger) -> Ledger:
    """The deals with managers, and regions that some of them lack."""
    agents = sorted(ledger.deals["sales_agent"].unique())
    managers = {name: f"Manager {at % 3}" for at, name in enumerate(agents)}
    regions = {name: ("East", None, "West")[at % 3] for at, name in enumerate(agents)}
    of_agent = ledger.deals["sales_agent"].astype(object)
    return Ledger(ledger.deals.assign(manager=of_agent.map(managers), region=of_agent.map(regions)))


def test_deals_are_divided_by_what_they_have(ledger: Ledger, with_teams: Ledger) -> None:
    assert group_columns(ledger) == ["product", "sales_agent"]
    assert group_columns(with_teams) == list(get_args(GroupBy))


@pytest.mark.parametrize("by", get_args(GroupBy))
def test_groups_add_up_to_the_cent(with_teams: Ledger, history: History, chances: ModelChances, by: GroupBy) -> None:
    ledger = with_teams
    found = asked(ledger, history, chances, by=by)
    assert found.cents == found.closed.cents + found.open.cents + found.new.cents
    for name in ("closed", "open", "new"):
        parts = [getattr(group, name) for group in found.groups]
        assert sum(part.cents for part in parts) == getattr(found, name).cents
        assert sum(part.wins for part in parts) == pytest.approx(getattr(found, name).wins)
    names = [group.name for group in found.groups]
    assert set(names) == {None if pd.isna(name) else name for name in ledger.deals[by]}
    assert [group.cents for group in found.groups] == sorted((group.cents for group in found.groups), reverse=True)


def test_what_is_closed_is_exact_and_bounds_begin_there(
    ledger: Ledger, history: History, chances: ModelChances
) -> None:
    found = asked(ledger, history, chances)
    assert found.closed.cents == ledger.revenue(date(2017, 7, 1), AS_OF)
    assert found.closed.wins == len(ledger.won(date(2017, 7, 1), AS_OF))
    assert found.closed.cents / 100 <= found.bounds.low < found.cents / 100 < found.bounds.high
    assert found.last_quarter_cents == ledger.revenue(date(2017, 4, 1), date(2017, 6, 30))


def test_on_a_quarters_last_day_the_next_one_is_forecast(
    ledger: Ledger, history: History, chances: ModelChances
) -> None:
    found = asked(ledger, history, chances, END)
    assert (found.start, found.end) == (date(2017, 10, 1), date(2017, 12, 31))
    assert found.closed.cents == 0
    assert found.new.cents > 0
    # a week before, it was not the quarter ahead
    assert found.change is None
    assert asked(ledger, history, chances, date(2017, 10, 6)).change is None
    assert asked(ledger, history, chances, date(2017, 10, 7)).change is not None


def test_the_change_is_since_the_forecast_recorded_about_a_week_ago(
    ledger: Ledger, history: History, chances: ModelChances
) -> None:
    # given forecasts that were recorded, one made afterwards, one of another quarter
    made = (
        Forecast(AS_OF - timedelta(days=20), END, 10, 0, 1.0, "run"),
        Forecast(AS_OF - timedelta(days=9), END, 20, 0, 1.0, "run"),
        Forecast(AS_OF - timedelta(days=6), END, 30, 0, 1.0, "run"),
        Forecast(AS_OF - timedelta(days=7), END, 40, 0, 1.0, None),
        Forecast(AS_OF - timedelta(days=7), END + timedelta(days=1), 50, 0, 1.0, "run"),
    )
    # when
    found = asked(ledger, history, chances, made=made).change
    # then
    assert found is not None
    assert found.since == AS_OF - timedelta(days=6)
    assert found.before == ledger.revenue(date(2017, 7, 1), found.since) + 30
    assert found.after == asked(ledger, history, chances).cents
    alone = asked(ledger, history, chances).change
    assert alone is not None
    assert (alone.since, alone.model) == (AS_OF - timedelta(days=7), 0)


def test_a_deal_older_than_any_that_closed_adds_next_to_nothing(
    ledger: Ledger, history: History, chances: ModelChances
) -> None:
    last = date(2017, 12, 31)
    found = asked(ledger, history, chances, last).clean_up
    assert found.older_than == ledger.longest_cycle(last)
    assert found.deals > 0
    assert found.adds_cents < found.worth_cents / 100


def test_without_the_whole_quarter_before_there_is_no_comparison(
    ledger: Ledger, history: History, chances: ModelChances
) -> None:
    assert asked(ledger, history, chances, date(2017, 2, 15)).last_quarter_cents is None
