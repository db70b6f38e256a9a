"""Fiscal calendars: quarters of a year that begins with any month, in the calendar, the horizon and the features."""

from calendar import monthrange
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closecast.deals.calendar import CALENDAR_YEAR, FiscalCalendar
from closecast.deals.contract import check
from closecast.deals.horizon import QUARTER_END, horizon_days, quarter_ahead, quarter_end_days
from closecast.deals.snapshots import training_rows
from closecast.deals.synthetic.generator import generate
from closecast.features import NAMES, FeatureBuilder, History

MONTHS = range(1, 13)
DAYS = st.dates(date(1995, 1, 1), date(2100, 12, 31))
DEALS = check(generate(400, seed=3)).accepted
END = date(2017, 12, 31)


def _by_hand(first_month: int, day: date) -> tuple[date, date]:
    """The quarter in which `day` lies, found by walking from month to month."""
    start = day.replace(day=1)
    while (start.month - first_month) % 3:
        start = (start - timedelta(days=1)).replace(day=1)
    end = start
    for _ in range(3):
        end = end.replace(day=monthrange(end.year, end.month)[1]) + timedelta(days=1)
    return start, end - timedelta(days=1)


@given(st.integers(1, 12), DAYS)
def test_each_day_lies_in_the_quarter_that_walking_finds(first_month: int, day: date) -> None:
    fiscal, days = FiscalCalendar(first_month), np.array([day], dtype="M8[D]")
    start, end = _by_hand(first_month, day)
    assert fiscal.quarter(day) == (start, end)
    assert fiscal.days_to_quarter_end(days).tolist() == [(end - day).days]
    assert fiscal.month_of_quarter(days).tolist() == [(day.month - start.month) % 12 + 1]


@given(st.integers(1, 12), DAYS)
def test_the_quarter_asked_about_ends_ahead_of_the_as_of_date(first_month: int, as_of: date) -> None:
    fiscal = FiscalCalendar(first_month)
    start, end = quarter_ahead(as_of, fiscal)
    assert start - timedelta(days=1) <= as_of < end
    assert fiscal.quarter(end) == (start, end)
    assert horizon_days(as_of, QUARTER_END, fiscal) == (end - as_of).days
    assert quarter_end_days(np.array([as_of], dtype="M8[D]"), fiscal).tolist() == [(end - as_of).days]
    assert horizon_days(as_of, 30, fiscal) == 30


@pytest.mark.parametrize("month", [0, 13, -1])
def test_another_month_is_refused(month: int) -> None:
    with pytest.raises(ValueError, match=f"a month from 1 \\(January\\) to 12, not {month}"):
        FiscalCalendar(month)


def _matrix(fiscal: FiscalCalendar) -> tuple[np.ndarray, np.ndarray]:
    deals = DEALS[DEALS["engage_date"].notna()].reset_index(drop=True)
    dates = np.arange("2017-05-01", "2017-09-01", 13, dtype="M8[D]")
    rows = training_rows(deals, dates, (30, QUARTER_END), END, fiscal)
    builder = FeatureBuilder(History(deals, END, fiscal))
    subjects = builder.history.encode(deals)
    return builder.matrix(subjects, rows.deal, rows.as_of, rows.horizon_days), rows.as_of + rows.horizon_days


def test_a_year_from_january_gives_what_no_setting_gives_and_quarters_make_all_the_difference() -> None:
    # when
    made = {month: _matrix(FiscalCalendar(month)) for month in MONTHS}
    default, _ = _matrix(CALENDAR_YEAR)
    # then
    for month, (matrix, ends) in made.items():
        assert matrix.tobytes() == made[(month - 1) % 3 + 1][0].tobytes()
        phases = {int(one) for one in (ends.astype("M8[M]").astype(int) - (month - 1)) % 3}
        assert 2 in phases
    assert made[1][0].tobytes() == default.tobytes()
    column = NAMES.index("month_of_quarter")
    assert made[2][0].shape != default.shape or (made[2][0][:, column] != default[:, column]).any()


def test_the_season_is_found_in_the_months_of_the_fiscal_quarter() -> None:
    # given wins in a quarter's last month of a year from January, as the made-up deals have them
    before = [History(DEALS, END, FiscalCalendar(month)).before(END).cycles for month in (1, 2, 3)]
    # then they move through the quarter as the year's beginning does
    closes = [cycles.month_closes.tolist() for cycles in before]
    assert closes[1] == [closes[0][1], closes[0][2], closes[0][0]]
    assert closes[2] == [closes[0][2], closes[0][0], closes[0][1]]
