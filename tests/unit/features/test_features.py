"""Features: declared completely, calendar values checked against the calendar, and each formula worked out by hand."""

import calendar
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closecast import features
from closecast.deals.horizon import MAX_HORIZON_DAYS
from closecast.features import FeatureBuilder, History
from tests.unit.features.conftest import END, ROWS, frame

_DAY = st.dates(date(1960, 1, 1), date(2060, 12, 31))


def values(deals: pd.DataFrame, position: int, as_of: str, horizon: int = 30) -> dict[str, float]:
    builder = FeatureBuilder(History(deals, END))
    subjects = builder.history.encode(deals)
    made = builder.matrix(subjects, np.array([position]), np.array([as_of], dtype="M8[D]"), np.array([horizon]))
    return dict(zip(features.NAMES, made[0].tolist(), strict=True))


def test_features_are_declared_once_and_in_full() -> None:
    assert len(features.FEATURES) == len(set(features.NAMES)) == 31
    for feature in features.FEATURES:
        assert all((feature.name, feature.unit, feature.formula, feature.meaning, feature.cut_off))
    rising = [name for name, sign in zip(features.NAMES, features.MONOTONE, strict=True) if sign]
    assert rising == [feature.name for feature in features.FEATURES if feature.key == "horizon"]
    assert "strictly before" in features.FEATURES[features.WIN_CHANCE].cut_off


@given(_DAY, st.integers(0, 700), st.integers(1, MAX_HORIZON_DAYS))
def test_one_deals_values_follow_the_calendar(as_of: date, age: int, horizon: int) -> None:
    # given
    month_end = as_of.replace(day=calendar.monthrange(as_of.year, as_of.month)[1])
    last_month = (as_of.month - 1) // 3 * 3 + 3
    quarter_end = date(as_of.year, last_month, calendar.monthrange(as_of.year, last_month)[1])
    ahead = [as_of + timedelta(days=days) for days in range(1, horizon + 1)]
    engaged = as_of - timedelta(days=age)
    deals = frame(("Ada", "GTX", "Oak", "Engaging", engaged.isoformat(), None, None))
    # when
    found = FeatureBuilder(History(deals, as_of))
    made = found.matrix(found.history.encode(deals), np.array([0]), np.array([as_of], "M8[D]"), np.array([horizon]))
    row = dict(zip(features.NAMES, made[0].tolist(), strict=True))
    # then
    assert made.dtype == np.float64
    assert row["deal_age_days"] == age
    assert row["days_to_month_end"] == (month_end - as_of).days
    assert row["days_to_quarter_end"] == (quarter_end - as_of).days
    assert row["month_of_quarter"] == (as_of.month - 1) % 3 + 1
    assert row["horizon_days"] == horizon
    assert row["quarter_end_month_days_in_horizon"] == sum(day.month % 3 == 0 for day in ahead)


HISTORY = frame(*ROWS)


def test_history_is_what_the_formulas_say() -> None:
    # when
    row = values(HISTORY, 4, "2017-06-10")
    # then: three closes are known, two of them won; r = (2 + 1) / (3 + 2)
    rate = 3 / 5
    assert row["agent_win_rate_before_as_of"] == pytest.approx((1 + 20 * rate) / 22)
    assert row["agent_win_rate_90d_before_as_of"] == pytest.approx(row["agent_win_rate_before_as_of"])
    assert row["agent_cycle_days_before_as_of"] == pytest.approx((10 + 40 + 20 * 200 / 3) / 22)
    assert row["agent_activity_90d_before_as_of"] == pytest.approx((0 + 1) / (1 / 2 + 1))
    assert row["product_price_before_as_of"] == 100
    assert row["product_win_rate_before_as_of"] == pytest.approx((1 + 20 * rate) / 22)
    assert row["account_win_rate_before_as_of"] == pytest.approx((1 + 20 * rate) / 22)
    assert row["win_rate_90d_before_as_of"] == pytest.approx((1 + 20 * rate) / 21)
    assert row["share_of_cycles_longer_before_as_of"] == pytest.approx(1 / 3)  # 10 and 40 days; 150 is longer than 40
    assert row["age_over_longest_cycle_before_as_of"] == pytest.approx(40 / 150)
    assert row["cycle_stage"] == 1  # longer than the first quartile, 10 days; not than the median, 40


def test_a_newcomer_has_the_record_of_all() -> None:
    row = values(HISTORY, 5, "2017-06-10")
    assert row["agent_win_rate_before_as_of"] == pytest.approx(3 / 5)
    assert row["product_price_before_as_of"] == 75  # mean of the two deals won


def test_a_missing_account_takes_the_record_of_one_drawn_by_the_identifier() -> None:
    # given
    deals = pd.concat([HISTORY, HISTORY.iloc[[5]].assign(opportunity_id="another")], ignore_index=True)
    builder = FeatureBuilder(History(deals, END))
    tables = builder.tables(date(2017, 6, 10))
    subjects = builder.history.encode(deals)
    # when
    drawn = {tables.donor(draw) for draw in np.linspace(0, 0.999, 50)}
    # then: accounts of closed deals only, and a draw of its own for each deal
    assert drawn == {builder.history.code("account", name)[0] for name in ("Oak", "Elm")}
    assert subjects.draw[5] != subjects.draw[6]
    assert subjects.draw[5] == features.uniform_draw("D005")


def test_without_any_close_history_is_neutral() -> None:
    row = values(HISTORY, 0, "2017-01-05")
    assert row["agent_win_rate_before_as_of"] == row["win_rate_90d_before_as_of"] == 0.5
    assert row["product_price_before_as_of"] == row["cycle_stage"] == row["age_over_longest_cycle_before_as_of"] == 0
    assert row["share_of_cycles_longer_before_as_of"] == 1
    assert 0 < row["win_chance_in_horizon_before_as_of"] < row["close_chance_in_horizon_before_as_of"] < 0.2


def test_the_order_of_rows_in_the_file_changes_nothing() -> None:
    # given
    deals = pd.concat([HISTORY] * 3, ignore_index=True)
    deals["opportunity_id"] = [f"D{number:03}" for number in range(len(deals))]
    turned = deals.iloc[::-1].reset_index(drop=True)
    # when
    one, other = (FeatureBuilder(History(made, END)).tables(date(2017, 7, 1)) for made in (deals, turned))
    # then
    assert one.donor_pool.tolist() == other.donor_pool.tolist()
    assert one.agent.blob == other.agent.blob


def test_nothing_after_known_until_is_known_and_time_stands_still_there() -> None:
    # given
    known = FeatureBuilder(History(HISTORY, date(2017, 5, 31)))
    # when
    late, later = known.tables(date(2017, 6, 1)), known.tables(date(2019, 6, 1))
    # then
    assert late.agent.blob == later.agent.blob
    assert late.horizon_table(1).values[:, 4:9].tobytes() == later.horizon_table(1).values[:, 4:9].tobytes()


@pytest.mark.parametrize(
    ("deal", "as_of", "horizon", "message"),
    [
        ([0], ["2017-01-01"], [30], "engaged on 2017-01-02 cannot be seen as of 2017-01-01"),
        ([0], ["NaT"], [30], "as_of holds 1 missing dates"),
        ([0], ["2017-01-03"], [0], "a horizon of 0 days is outside 1 to 366"),
        ([0], ["2017-01-03"], [367], "a horizon of 367 days is outside 1 to 366"),
        ([0, 1], ["2017-01-03"], [30], "three arrays of one length"),
    ],
)
def test_impossible_input_is_refused(deal: list[int], as_of: list[str], horizon: list[int], message: str) -> None:
    builder = FeatureBuilder(History(HISTORY, END))
    subjects = builder.history.encode(HISTORY)
    with pytest.raises(ValueError, match=message):
        builder.matrix(subjects, np.array(deal), np.array(as_of, dtype="M8[D]"), np.array(horizon))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda deals: deals.drop(columns="product"), "the deals lack the column product"),
        (lambda deals: deals.assign(engage_date=pd.NaT), "6 deals have no engage date"),
    ],
)
def test_unusable_deals_are_named(change: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        History(change(HISTORY), END).encode(change(HISTORY))
