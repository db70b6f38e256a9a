"""Horizons: the quarter's end lies ahead of every as-of date, also on the quarter's last day."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closecast.deals.horizon import horizon_days, quarter_ahead, quarter_end_days


@pytest.mark.parametrize(
    ("as_of", "end"),
    [
        (date(2017, 1, 1), date(2017, 3, 31)),
        (date(2017, 3, 30), date(2017, 3, 31)),
        (date(2017, 3, 31), date(2017, 6, 30)),  # over at the close of that day: the next quarter is asked about
        (date(2017, 12, 31), date(2018, 3, 31)),
        (date(2016, 2, 29), date(2016, 3, 31)),
    ],
)
def test_quarter_end(as_of: date, end: date) -> None:
    assert quarter_ahead(as_of)[1] == end
    assert horizon_days(as_of, "quarter_end") == (end - as_of).days


@given(st.dates(date(1970, 1, 1), date(2100, 1, 1)))
def test_the_quarters_end_is_always_ahead_and_the_last_day_of_a_quarter(as_of: date) -> None:
    # when
    end = quarter_ahead(as_of)[1]
    # then
    assert 1 <= (end - as_of).days <= 92
    assert (end + timedelta(days=1)).day == 1
    assert (end + timedelta(days=1)).month in (1, 4, 7, 10)
    assert quarter_end_days(np.array([as_of], dtype="M8[D]")).tolist() == [(end - as_of).days]


def test_days_are_taken_as_they_are() -> None:
    assert horizon_days(date(2017, 5, 5), 45) == 45


@pytest.mark.parametrize("horizon", [0, -3, 367, "month_end"])
def test_other_horizons_are_refused(horizon: object) -> None:
    with pytest.raises(ValueError, match="horizon"):
        horizon_days(date(2017, 5, 5), horizon)
