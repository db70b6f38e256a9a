"""The generator's own probabilities: they grow with the horizon, and depend on nothing that nobody could know."""

from datetime import date
from functools import cache

import numpy as np
import pandas as pd
import pytest

from closecast.deals.contract import check
from closecast.deals.snapshots import training_rows
from closecast.deals.synthetic.generator import Settings, Truth, generate_with_truth, win_probability

ROWS = 20_000
VARIED = Settings(rows=ROWS, agents=8, agent_effect=0.6, agent_hazard=0.4, product_hazard=0.3)


@cache
def made(settings: Settings) -> tuple[pd.DataFrame, Truth]:
    raw, truth = generate_with_truth(settings, seed=13)
    deals = raw.drop(columns=["account", "close_value"])
    for name in ("engage_date", "close_date"):
        deals[name] = pd.to_datetime(deals[name].replace("", None))
    return deals, truth


def test_a_longer_horizon_is_never_less_likely() -> None:
    # given
    deals, truth = made(VARIED)
    some = deals[deals["engage_date"] <= pd.Timestamp(2017, 5, 15)].head(5_000)
    # when
    by_horizon = np.array([win_probability(truth, some, date(2017, 5, 15), days) for days in range(0, 150, 3)])
    # then
    assert (by_horizon[0] == 0).all()
    assert (np.diff(by_horizon, axis=0) >= 0).all()
    assert by_horizon.max() < 1
    dead = (pd.Timestamp(2017, 5, 15) - some["engage_date"]).dt.days >= 138
    assert dead.any()
    assert (by_horizon[:, dead] == 0).all()


def test_dates_and_horizons_may_differ_from_deal_to_deal() -> None:
    # given
    deals, truth = made(VARIED)
    rows = training_rows(deals.head(4_000), np.array(["2017-04-03", "2017-06-05"], "M8[D]"), [7, 30], VARIED.last_day)
    # when
    together = win_probability(truth, deals.iloc[rows.deal], rows.as_of, rows.horizon_days)
    # then
    for moment in np.unique(rows.as_of):
        for days in (7, 30):
            these = (rows.as_of == moment) & (rows.horizon_days == days)
            alone = win_probability(truth, deals.iloc[rows.deal[these]], moment.item(), days)
            np.testing.assert_array_equal(together[these], alone)


def test_raw_and_accepted_deals_get_the_same_answer_and_those_not_engaged_none() -> None:
    # given
    raw, truth = generate_with_truth(Settings(rows=3_000), seed=2)
    as_of = date(2017, 6, 30)
    # when
    from_raw, from_accepted = (win_probability(truth, deals, as_of, 30) for deals in (raw, check(raw).accepted))
    # then
    np.testing.assert_array_equal(from_raw, from_accepted)
    np.testing.assert_array_equal(np.isnan(from_raw), ((raw["engage_date"] == "") | (raw["engage_date"] > str(as_of))))
    assert win_probability(truth, raw.head(0), as_of, 30).shape == (0,)


def test_the_truth_does_not_depend_on_the_outcome_nor_on_the_number_of_deals() -> None:
    # given
    raw, truth = generate_with_truth(Settings(rows=2_000), seed=2)
    fewer = generate_with_truth(Settings(rows=5), seed=2)[1]
    hidden = raw.assign(deal_stage="", close_date="", close_value="", account="")
    # when
    known, unknown = (
        win_probability(truth, raw, date(2017, 6, 30), 30),
        win_probability(fewer, hidden, date(2017, 6, 30), 30),
    )
    # then
    np.testing.assert_array_equal(known, unknown)


@pytest.mark.parametrize(
    ("change", "days", "message"),
    [
        ({}, -1, "horizon_days is -1"),
        ({"sales_agent": "Nobody"}, 30, "sales_agent 'Nobody' is none of the 30 made up"),
        ({"product": "Nothing"}, 30, "product 'Nothing' is none of the 7 made up"),
        ({"engage_date": "2019-01-01"}, 30, "engage_date 2019-01-01 is not from 2016-10-20 to 2017-12-27"),
    ],
)
def test_deals_of_another_world_are_refused(change: dict[str, str], days: int, message: str) -> None:
    # given
    raw, truth = generate_with_truth(Settings(rows=5), seed=2)
    # then
    with pytest.raises(ValueError, match=message):
        win_probability(truth, raw.assign(**change), date(2017, 6, 30), days)
