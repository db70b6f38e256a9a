"""Past forecasts, judged when their window is over."""

from datetime import date, timedelta

import pandas as pd

from closecast.deals.calendar import CALENDAR_YEAR, FiscalCalendar
from closecast.forecast import past
from closecast.forecast.ledger import Ledger
from closecast.forecast.past import Forecast

SUNDAY = date(2017, 9, 3)


def forecast(as_of: date, by: date, cents: int, run_id: str | None = None) -> Forecast:
    return Forecast(as_of, by, cents, 0, 10_000.0, run_id)


def test_only_windows_that_are_over_teach(ledger: Ledger) -> None:
    # given one forecast that was far off, whose window ends on the last of September
    end = date(2017, 9, 30)
    wrong = [forecast(SUNDAY - timedelta(days=at), end, 0) for at in range(40)]
    # then
    assumed = past.Errors(ledger, []).width(end)
    assert past.Errors(ledger, wrong).width(end - timedelta(days=1)) == assumed
    width, windows = past.Errors(ledger, wrong).width(end)
    assert windows == 40
    assert width > assumed[0]


def test_each_date_has_one_forecast_of_its_quarter_the_served_models_first(ledger: Ledger) -> None:
    # given
    end = date(2017, 9, 30)
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
