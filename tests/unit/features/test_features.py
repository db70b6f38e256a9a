"""Features: declared completely, the same for one row as for many, and calendar values checked against the calendar."""

import calendar
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closecast import features
from closecast.features.horizon import MAX_HORIZON_DAYS

_DAY = st.dates(date(1960, 1, 1), date(2060, 12, 31))


def test_every_feature_is_declared_once_and_in_full() -> None:
    assert len(set(features.NAMES)) == len(features.FEATURES)
    for feature in features.FEATURES:
        assert all((feature.name, feature.formula, feature.meaning, feature.cut_off))
    assert [name for name, sign in zip(features.NAMES, features.MONOTONE, strict=True) if sign] == ["horizon_days"]


@settings(max_examples=200, deadline=None)
@given(_DAY, st.integers(0, 1000), st.integers(1, MAX_HORIZON_DAYS))
def test_one_deals_values_follow_the_calendar(as_of: date, age: int, horizon: int) -> None:
    # given
    month_end = as_of.replace(day=calendar.monthrange(as_of.year, as_of.month)[1])
    last_month = (as_of.month - 1) // 3 * 3 + 3
    quarter_end = date(as_of.year, last_month, calendar.monthrange(as_of.year, last_month)[1])
    # when
    values = features.row(as_of - timedelta(days=age), as_of, horizon)
    # then
    expected = [age, (month_end - as_of).days, (quarter_end - as_of).days, (as_of.month - 1) % 3 + 1, horizon]
    assert values.tolist() == [expected]
    assert values.dtype == np.float64


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(_DAY, st.integers(0, 1000), st.integers(1, MAX_HORIZON_DAYS)), max_size=20))
def test_a_row_is_bit_identical_to_its_place_in_the_matrix(cases: list[tuple[date, int, int]]) -> None:
    # given
    as_of = np.array([day for day, _, _ in cases], dtype="M8[D]")
    ages = np.array([age for _, age, _ in cases], dtype=np.int64)
    horizons = np.array([horizon for _, _, horizon in cases], dtype=np.int64)
    # when
    together = features.matrix(as_of - ages, as_of, horizons)
    # then
    assert together.shape == (len(cases), len(features.FEATURES))
    for values, (day, age, horizon) in zip(together, cases, strict=True):
        assert values.tobytes() == features.row(day - timedelta(days=age), day, horizon).tobytes()


def test_nanosecond_dates_are_read_as_days() -> None:
    # given
    engaged = np.array(["2017-01-02T00:00"], dtype="M8[ns]")
    # when
    values = features.matrix(engaged, np.array(["2017-01-05"], dtype="M8[D]"), np.array([30]))
    # then
    assert values[0, 0] == 3


@pytest.mark.parametrize(
    ("engaged", "as_of", "horizon", "message"),
    [
        (["2017-01-02"], ["2017-01-01"], [30], "engaged on 2017-01-02 cannot be seen as of 2017-01-01"),
        (["NaT"], ["2017-01-01"], [30], "engage_dates holds 1 missing dates"),
        (["2017-01-02"], ["NaT"], [30], "as_of holds 1 missing dates"),
        (["2017-01-02"], ["2017-01-03"], [0], "a horizon of 0 days is outside 1 to 366"),
        (["2017-01-02"], ["2017-01-03"], [367], "a horizon of 367 days is outside 1 to 366"),
        (["2017-01-02"] * 2, ["2017-01-03"], [30], "three arrays of one length"),
    ],
)
def test_impossible_input_is_refused(engaged: list[str], as_of: list[str], horizon: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        features.matrix(np.array(engaged, dtype="M8[D]"), np.array(as_of, dtype="M8[D]"), np.array(horizon))
