"""Forecasts of past weeks: with what was known then, judged when their window is over."""

from datetime import date, timedelta

import pandas as pd
import pytest

from closecast.deals.calendar import CALENDAR_YEAR, FiscalCalendar
from closecast.deals.horizon import quarter_ahead
from closecast.forecast import past
from closecast.forecast.ledger import Ledger
from closecast.forecast.past import WINDOW_DAYS, Forecast, Hindsight
from tests.unit.forecast.conftest import known_at

SUNDAY = date(2017, 9, 3)


@pytest.fixture(scope="module")
def hindsight(made_up_deals: pd.DataFrame) -> Hindsight:
    return Hindsight(made_up_deals)


def forecast(as_of: date, by: date, cents: int, run_id: str | None = None) -> Forecast:
    return Forecast(as_of, by, cents, 0, 10_000.0, run_id)


def test_its_dates_are_sundays_however_long_the_data_are(made_up_deals: pd.DataFrame, hindsight: Hindsight) -> None:
    found = hindsight.dates()
    assert {day.weekday() for day in found} == {6}
    assert found == [found[0] + timedelta(days=7 * week) for week in range(len(found))]
    shorter = Hindsight(known_at(made_up_deals, date(2017, 11, 15))).dates()
    assert found[: len(shorter)] == shorter
    assert len(found) > len(shorter)


def test_a_forecast_knows_only_its_time(made_up_deals: pd.DataFrame, hindsight: Hindsight) -> None:
    # given the export of that day alone
    then = Hindsight(known_at(made_up_deals, SUNDAY))
    # when
    found, before = hindsight.forecasts(SUNDAY), then.forecasts(SUNDAY)
    # then: the model is that of the month's begin, and the forecasts are the same
    assert [(one.as_of, one.by) for one in found] == [(one.as_of, one.by) for one in before]
    assert {(one.by - SUNDAY).days for one in found} == {*WINDOW_DAYS, (quarter_ahead(SUNDAY)[1] - SUNDAY).days}
    assert [one.cents for one in found] == [one.cents for one in before]


def test_where_too_little_was_known_there_is_none(hindsight: Hindsight) -> None:
    assert hindsight.forecasts(hindsight.dates()[0]) == []


def test_only_windows_that_are_over_teach(hindsight: Hindsight) -> None:
    # given one forecast that was far off, whose window ends on the last of September
    ledger, end = hindsight.ledger, date(2017, 9, 30)
    wrong = [forecast(SUNDAY - timedelta(days=at), end, 0) for at in range(40)]
    # then
    assumed = past.width(ledger, [], end)
    assert past.width(ledger, wrong, end - timedelta(days=1)) == assumed
    width, windows = past.width(ledger, wrong, end)
    assert windows == 40
    assert width > assumed[0]


def test_each_date_has_one_forecast_of_its_quarter_the_served_models_first(hindsight: Hindsight) -> None:
    # given
    ledger, end = hindsight.ledger, date(2017, 9, 30)
    made = [
        forecast(SUNDAY, SUNDAY + timedelta(days=14), 1),
        forecast(SUNDAY, end, 2),
        forecast(SUNDAY, end, 3, "run"),
        forecast(SUNDAY + timedelta(days=7), end, 4, "run"),
        forecast(date(2017, 10, 1), date(2017, 12, 31), 5),
    ]
    for order in (made, made[::-1]):
        # when
        found = list(past.judged(ledger, order, date(2017, 11, 1), CALENDAR_YEAR))
        # then
        assert [one.forecast.cents for one in found] == [3, 4, 5]
        first = ledger.revenue(date(2017, 7, 1), SUNDAY)
        assert found[0].total_cents == first + 3
        assert found[0].actual_cents == ledger.revenue(date(2017, 7, 1), end)
        assert found[0].low <= found[0].total_cents / 100 <= found[0].high
        assert found[2].actual_cents is None
    assert [one.forecast.cents for one in past.judged(ledger, made, SUNDAY, CALENDAR_YEAR)] == [3]


def test_of_a_fiscal_year_the_quarters_are_its_own(made_up_deals: pd.DataFrame) -> None:
    # given quarters that end in April, July, October
    ledger = Ledger(made_up_deals)
    made = [forecast(SUNDAY, date(2017, 9, 30), 1), forecast(SUNDAY, date(2017, 10, 31), 2)]
    found = list(past.judged(ledger, made, date(2017, 12, 1), FiscalCalendar(2)))
    assert [one.forecast.cents for one in found] == [2]
    assert found[0].actual_cents == ledger.revenue(date(2017, 8, 1), date(2017, 10, 31))
