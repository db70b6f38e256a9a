"""The synthetic export: the same from the same seed, acceptable, with the real data's shape and without its leak."""

import pandas as pd
import pytest

from closecast.deals.contract import RAW_COLUMNS, check
from closecast.deals.synthetic import generate


@pytest.fixture(scope="module")
def raw() -> pd.DataFrame:
    return generate(8_000, seed=7)


def test_the_same_seed_gives_the_same_export(raw: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(generate(8_000, seed=7), raw)
    assert not generate(8_000, seed=8).equals(raw)


def test_every_row_keeps_the_contract(raw: pd.DataFrame) -> None:
    # when
    checked = check(raw)
    # then
    assert tuple(raw.columns) == RAW_COLUMNS
    assert checked.summary() == "8000 of 8000 rows accepted, 0 rejected"


def test_closes_have_two_humps_and_the_quarters_last_month_wins(raw: pd.DataFrame) -> None:
    # given
    deals = check(raw).accepted.dropna(subset=["close_date"])
    age = (deals["close_date"] - deals["engage_date"]).dt.days
    last_month = deals["close_date"].dt.month % 3 == 0
    # when
    within_two_weeks, between, later = (age <= 14).mean(), age.between(15, 45).mean(), age.between(46, 138).mean()
    won = deals["deal_stage"] == "Won"
    # then
    assert within_two_weeks > 0.25
    assert between < 0.12
    assert later > 0.45
    assert won[last_month].mean() > 0.75
    assert won[~last_month].mean() < 0.6


def test_a_missing_account_says_nothing_about_the_outcome(raw: pd.DataFrame) -> None:
    # given
    is_open = raw["close_date"] == ""
    # when
    missing = (raw["account"] == "").groupby(is_open).mean()
    # then
    assert abs(missing[True] - missing[False]) < 0.03


def test_no_deals_cannot_be_made_up() -> None:
    with pytest.raises(ValueError, match="cannot make up 0 deals"):
        generate(0, seed=1)


def test_a_single_deal_can() -> None:
    assert len(generate(1, seed=3)) == 1
