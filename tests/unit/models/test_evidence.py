"""What an export lacks is said first, and a comparison that a few rows decide is refused by their name."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closecast.deals.contract import check
from closecast.deals.synthetic.generator import generate
from closecast.models import candidate, evaluation, influence
from closecast.models.baselines import AGE_CALENDAR
from closecast.models.candidate import Candidate
from closecast.models.data import Data, NotEnoughDataError
from closecast.models.evaluation import CANDIDATE, HeldOut
from closecast.models.evidence import Export, odd_dates
from closecast.models.promotion import Cost, Decision, decide

CHEAP = Cost(0.5, 50_000)
ENOUGH = Export(won=500, lost=300, open_at_end=90, usually_open=100, first=date(2017, 1, 1), end=date(2017, 12, 31))


def failed(decision: Decision) -> list[str]:
    return [check.name for check in decision.checks if not check.passed]


def test_an_ordinary_export_lacks_nothing_and_every_fact_is_said_first(built: Candidate) -> None:
    # when
    export = Export.of(built.data)
    decision = decide(built.held_out, CHEAP, "there is no champion yet", export=export)
    # then
    assert export.shortfalls() == {}
    assert [check.name for check in decision.checks[:5]] == ["won deals", "lost deals", "open deals", "names", "time"]
    assert decision.checks[1].sentence == f"{export.lost:,} deals are Lost"
    assert not {name.split(",")[0] for name in failed(decision)} & {"time to close", "closing dates", "as-of dates"}


def test_five_lost_deals_are_as_good_as_none(deals: pd.DataFrame) -> None:
    lost = deals.index[deals["deal_stage"] == "Lost"]
    export = Export.of(Data(deals.drop(lost[5:])))
    assert export.shortfalls()["lost deals"].startswith(
        "only 5 of the 1,151 closed deals are Lost: needed are 20 or more; export 15 more, or come back in about "
    )


@pytest.mark.parametrize("column", ["sales_agent", "product"])
def test_a_name_that_deals_get_when_they_are_won_is_told(deals: pd.DataFrame, column: str) -> None:
    # given half of the wins under one name, as of an account manager who takes over
    won = deals.index[deals["deal_stage"] == "Won"]
    renamed = deals.assign(**{column: deals[column].mask(deals.index.isin(won[::2]), "House")})
    # when
    shortfalls = Export.of(Data(renamed)).shortfalls()
    # then
    assert list(shortfalls) == ["names"]
    assert shortfalls["names"].startswith(
        f"the {column.removeprefix('sales_')} House has 50% of the deals won and 0% of all others"
    )
    assert Export.of(Data(deals)).leaking_name == ""
    # and who has a quarter of all deals, won and other, is nobody to be told of
    busy = deals.assign(**{column: deals[column].mask(deals.index % 4 == 0, "House")})
    assert Export.of(Data(busy)).leaking_name == ""


def test_an_export_without_a_win_is_told_so_instead_of_counts_alone(deals: pd.DataFrame) -> None:
    lost = deals[deals["deal_stage"] != "Won"].reset_index(drop=True)
    with pytest.raises(NotEnoughDataError, match=r"^none of the 723 closed deals is Won.*; not enough data .* 0 won"):
        candidate.build(lost, seed=7, threads=1)


def test_a_short_export_is_told_so_first(deals: pd.DataFrame) -> None:
    recent = deals[deals["engage_date"] >= "2017-10-15"].reset_index(drop=True)
    with pytest.raises(
        NotEnoughDataError, match=r"the export is short: \d+ days from its first close on .* export 182"
    ):
        candidate.build(recent, seed=7, threads=1)


def test_short_is_a_reason_only_where_the_evidence_is_not_clear(built: Candidate) -> None:
    short = replace(ENOUGH, first=date(2017, 9, 1))
    better = decide(built.held_out[:0], CHEAP, None, export=short)
    worse = decide(built.held_out[:0], Cost(9.0, 1), None, export=short)
    assert better.promoted
    assert worse.reasons[0].startswith("the export is short: 121 days")


def late_closes(deals: pd.DataFrame, count: int, days: int) -> pd.DataFrame:
    """`deals` and `count` more, won so many days after all others: as if as_of had vouched for them."""
    last = deals["close_date"].max() + timedelta(days)
    won = deals[deals["deal_stage"] == "Won"].tail(count)
    more = won.assign(opportunity_id=[f"X{at}" for at in range(len(won))], close_date=last)
    return pd.concat([deals, more], ignore_index=True)


def test_counts_that_a_late_date_causes_name_its_deal(deals: pd.DataFrame) -> None:
    with pytest.raises(NotEnoughDataError) as raised:
        evaluation.splits(Data(late_closes(deals, 1, 400), date(2018, 2, 1)))
    assert str(raised.value).startswith(
        "no deal closes between 2017-12-31 and 2019-02-04, the last date, that of the deal X0: correct it if it is wrong, "
        "or name the export's date as as_of; not enough data"
    )
    assert odd_dates(Data(deals)) == []


def test_wins_that_were_all_dated_one_day_are_named(deals: pd.DataFrame) -> None:
    # given a migration's date on every later win
    late = (deals["deal_stage"] == "Won") & (deals["close_date"] >= "2017-08-01")
    dated = deals.assign(close_date=deals["close_date"].mask(late, deals["close_date"].max()))
    # then
    with pytest.raises(
        NotEnoughDataError,
        match=r"^(\d+) of the \1 deals won from 2017-09-01 on closed on one day, 2017-12-31: correct",
    ):
        evaluation.splits(Data(dated, date(2017, 9, 1)))


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_no_five_deals_win_a_comparison(seed: int, few: int) -> None:
    # given two models of equal worth, but for the rows of a few deals that one knows for certain
    random = np.random.default_rng(seed)
    deal = np.repeat(np.arange(400), 4)
    won = (random.random(1_600) < 0.3).astype(np.int8)
    theirs = np.full(1_600, 0.3)
    ours = np.clip(theirs + random.normal(0, 1e-3, 1_600), 0.01, 0.99)
    mine = -np.where(won == 1, np.log(ours), np.log1p(-ours)) + np.where(won == 1, np.log(theirs), np.log1p(-theirs))
    honest = influence.worst_without(mine, deal, {}).difference
    known = random.choice(400, few, replace=False)
    # when
    swayed = influence.worst_without(np.where(np.isin(deal, known), -50.0, mine), deal, {})
    # then what those deals say is not counted
    assert swayed.what == "5 deals"
    assert swayed.difference == pytest.approx(honest, abs=0.001)


def _held(difference: np.ndarray[Any, Any], groups: dict[str, influence.Group], deal: np.ndarray[Any, Any]) -> HeldOut:
    """Rows of which the candidate is better where `difference` is below 0."""
    won = (np.arange(len(deal)) % 4 == 0).astype(np.int8)
    right = np.where(difference < 0, 0.9, 0.3)
    ours = np.where(won == 1, right, 1 - right)
    rest = np.where(won == 1, 0.5, 0.5)
    return HeldOut(
        "30_days",
        won,
        deal,
        np.ones(len(won), bool),
        {CANDIDATE: ours, "base_rate": rest, AGE_CALENDAR: rest},
        {},
        0.0,
        groups,
    )


@pytest.mark.parametrize("kind", [influence.AGENT, influence.AS_OF_DATE])
def test_one_agent_or_date_that_holds_all_the_evidence_is_named(kind: str) -> None:
    # given rows in ten groups, of which the last alone is better, by much
    codes = np.arange(4_000) % 10
    names = np.array([f"name {at}" for at in range(10)], dtype=object)
    part = _held(np.where(codes >= 4, -1.0, 1.0), {kind: influence.Group(codes, names)}, np.arange(4_000))
    one = _held(np.where(codes == 9, -1.0, 1.0), {kind: influence.Group(codes, names)}, np.arange(4_000))
    # when
    spread = influence.worst_without(np.where(codes >= 4, -1.0, 1.0), part.deal, part.groups)
    alone = influence.worst_without(np.where(codes == 9, -20.0, 0.1), one.deal, one.groups)
    # then
    assert spread.difference < 0
    assert (alone.what, alone.difference > 0) == (f"{kind} name 9", True)
    decision = decide((replace(one, predictions=_only(one, codes == 9)),), CHEAP, None)
    assert "few rows, 30_days" in failed(decision)
    assert any(f"without {kind} name 9 the log loss is not below the base rate's" in one for one in decision.reasons)


def _only(part: HeldOut, better: np.ndarray[Any, Any]) -> dict[str, np.ndarray[Any, Any]]:
    base = np.full(len(part.won), 0.25)
    sure = np.where(part.won == 1, 0.99, 0.01)
    return {
        "base_rate": base,
        AGE_CALENDAR: base,
        CANDIDATE: np.where(better, sure, np.where(part.won == 1, 0.249, 0.251)),
    }


def test_wins_of_one_day_and_one_as_of_date_are_no_evidence_for_others(built: Candidate) -> None:
    # given
    part = built.held_out[0]
    days = np.array(["2017-12-15", "2017-12-16"], dtype="M8[D]")
    one_day = influence.Group(np.where(part.won == 1, 0, -1).astype(np.int64), days)
    one_date = influence.Group(np.zeros(len(part.won), np.int64), days[:1])
    # when
    decision = decide(
        (replace(part, groups={influence.CLOSING_DATE: one_day, influence.AS_OF_DATE: one_date}),), CHEAP, None
    )
    # then
    assert failed(decision)[:2] == ["closing dates, 30_days", "as-of dates, 30_days"]
    assert "100% of the held-out rows won are of deals that closed on one date, 2017-12-15" in decision.reasons[0]
    assert "of 1 as-of dates, needed are 4: name an earlier cut" in decision.reasons[1]


def test_deals_that_differ_in_nothing_but_their_identifier_are_one_piece_of_evidence() -> None:
    # given
    deals = check(generate(300, seed=3)).accepted
    won = deals[deals["deal_stage"] == "Won"].iloc[[0]]
    many = pd.concat([deals, *[won.assign(opportunity_id=f"C{at}") for at in range(50)]], ignore_index=True)
    # when
    same = influence.same_deal(many)
    # then
    assert len(np.unique(same)) == len(deals)
    assert (same[-50:] == won.index[0]).all()
    assert (influence.same_deal(deals) == np.arange(len(deals))).all()
