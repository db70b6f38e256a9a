"""Forecasts of past weeks: each with what was known then."""

from datetime import date, timedelta

import pandas as pd

from closecast.deals.horizon import quarter_ahead
from closecast.forecast.hindsight import WINDOW_DAYS, Hindsight
from tests.unit.forecast.conftest import known_at

SUNDAY = date(2017, 9, 3)


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
