"""The synthetic export: the same from the same seed, acceptable, with the real data's shape and without its leak."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from closecast.deals.contract import check
from closecast.deals.synthetic.generator import Settings, generate, generate_with_truth
from closecast.deals.vocabulary import RAW_COLUMNS


@pytest.fixture(scope="module")
def raw() -> pd.DataFrame:
    return generate(30_000, seed=7)


@pytest.fixture(scope="module")
def closes(raw: pd.DataFrame) -> pd.DataFrame:
    deals = check(raw).accepted.dropna(subset=["close_date"])
    return deals.assign(
        age=(deals["close_date"] - deals["engage_date"]).dt.days,
        phase=(deals["close_date"].dt.month - 1) % 3 + 1,
        won=deals["deal_stage"] == "Won",
    )


def test_the_same_seed_gives_the_same_export(raw: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(generate(30_000, seed=7), raw)
    assert not generate(30_000, seed=8).equals(raw)


def test_fewer_rows_are_the_beginning_of_more(raw: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(generate(10_007, seed=7), raw.head(10_007))
    pd.testing.assert_frame_equal(generate(1, seed=7), raw.head(1))


def test_every_row_keeps_the_contract(raw: pd.DataFrame) -> None:
    # when
    checked = check(raw)
    # then
    assert tuple(raw.columns) == RAW_COLUMNS
    assert set(raw.dtypes) == {np.dtype(object)}
    assert checked.summary() == "30000 of 30000 rows accepted, 0 rejected"
    assert set(raw["product"]) >= {"GTXPro", "GTK 500"}
    assert raw["opportunity_id"].str.fullmatch(r"[0-9A-Z]{8}").all()


def test_closes_have_two_humps_with_little_between(closes: pd.DataFrame) -> None:
    # when
    shares = {
        (low, high): closes["age"].between(low, high).mean() for low, high in ((1, 14), (15, 40), (41, 138), (80, 100))
    }
    # then: the real file's are 0.42, 0.07, 0.51 and 0.17
    assert shares[1, 14] == pytest.approx(0.42, abs=0.03)
    assert shares[15, 40] == pytest.approx(0.07, abs=0.02)
    assert shares[41, 138] == pytest.approx(0.51, abs=0.03)
    assert shares[80, 100] == pytest.approx(0.17, abs=0.02)
    assert closes["age"].min() == 1
    assert closes["age"].max() == 138


def test_only_young_deals_close_in_a_quarters_first_month(closes: pd.DataFrame) -> None:
    # when
    young = (closes["age"] <= 14).groupby(closes["phase"]).mean()
    # then
    assert young[1] == 1
    assert young[2] == pytest.approx(0.22, abs=0.03)
    assert young[3] == pytest.approx(0.20, abs=0.03)


def test_the_quarters_last_month_wins(closes: pd.DataFrame) -> None:
    # when
    won = closes.groupby("phase")["won"].mean()
    # then
    assert won.to_dict() == pytest.approx({1: 0.49, 2: 0.55, 3: 0.80}, abs=0.03)


def test_one_deal_in_six_never_closes_and_some_are_still_prospecting(raw: pd.DataFrame) -> None:
    # given
    deals = check(raw).accepted
    # when
    old = deals[deals["engage_date"] < pd.Timestamp(2017, 12, 31) - pd.Timedelta(days=138)]
    # then
    assert old["close_date"].isna().mean() == pytest.approx(0.16, abs=0.02)
    assert (deals["deal_stage"] == "Prospecting").mean() == pytest.approx(0.057, abs=0.01)
    assert deals["engage_date"].min() >= pd.Timestamp(2016, 10, 20)
    assert deals["engage_date"].max() <= pd.Timestamp(2017, 12, 27)
    assert deals["close_date"].max() <= pd.Timestamp(2017, 12, 31)


def test_a_missing_account_says_nothing_about_the_outcome(raw: pd.DataFrame) -> None:
    # when
    missing = (raw["account"] == "").groupby(raw["deal_stage"]).mean()
    # then
    assert missing.max() - missing.min() < 0.03
    assert missing.mean() == pytest.approx(0.16, abs=0.02)


def test_only_prospecting_deals_lack_an_engage_date_and_only_closed_ones_have_a_value(raw: pd.DataFrame) -> None:
    # given
    closed = raw["deal_stage"].isin(["Won", "Lost"])
    # then
    assert ((raw["engage_date"] == "") == (raw["deal_stage"] == "Prospecting")).all()
    assert ((raw["close_value"] != "") == closed).all()
    assert ((raw["close_date"] != "") == closed).all()
    assert set(raw.loc[raw["deal_stage"] == "Lost", "close_value"]) == {"0"}


def test_agents_differ_only_as_much_as_asked() -> None:
    # given
    def spread(effect: float) -> float:
        settings = Settings(rows=60_000, agents=20, agent_effect=effect, product_effect=0)
        made, truth = generate_with_truth(settings, seed=1)
        closed = made[made["close_date"] != ""]
        assert truth.agent_win.std() == pytest.approx(effect, rel=0.4)
        return float((closed["deal_stage"] == "Won").groupby(closed["sales_agent"]).mean().std())

    # then: sampling alone spreads twenty agents of 2,300 closes each by about 0.01
    assert spread(0.0) < 0.02
    assert spread(0.5) > 0.06


def test_agents_may_also_differ_in_how_fast_they_close() -> None:
    # given
    made, truth = generate_with_truth(Settings(rows=60_000, agents=5, agent_hazard=0.5, product_hazard=0.1), seed=3)
    # when
    slow, fast = np.unique(made["sales_agent"])[np.argsort(truth.agent_hazard)[[0, -1]]]
    is_open = (made["deal_stage"] == "Engaging").groupby(made["sales_agent"]).mean()
    # then
    assert is_open[fast] < is_open[slow] - 0.02


@pytest.mark.parametrize(("drift_win", "drift_hazard"), [(-1.0, 1.0), (0.0, 3.0)])
def test_drift_changes_what_follows_it_and_nothing_before(drift_win: float, drift_hazard: float) -> None:
    # given
    day = "2017-08-01"
    drift = Settings(20_000, drift_at=date(2017, 8, 1), drift_win=drift_win, drift_hazard=drift_hazard)
    # when
    plain, drifted = generate(20_000, seed=2), generate_with_truth(drift, seed=2)[0]
    # then
    before, after = (
        [made[made["close_date"].between(low, high)] for made in (plain, drifted)]
        for low, high in (("2016", day[:-2]), (day, "2018"))
    )
    pd.testing.assert_frame_equal(before[0], before[1])
    if drift_win:
        assert (after[1]["deal_stage"] == "Won").mean() < (after[0]["deal_stage"] == "Won").mean() - 0.15
    else:
        assert len(after[1]) > 1.05 * len(after[0])


def test_dirt_is_refused_row_by_row_and_the_rest_is_as_without() -> None:
    # given
    clean, dirty = generate(20_000, seed=5), generate_with_truth(Settings(20_000, dirt=0.02), seed=5)[0]
    soiled = (clean != dirty).any(axis=1)
    # when
    checked = check(dirty)
    # then
    assert soiled.mean() == pytest.approx(0.02, abs=0.004)
    assert soiled[soiled].index.isin(checked.rejected.index).all()
    reasons = checked.rejected["reasons"].str.cat(sep="; ")
    for part in (
        "engage_date is not a date",
        "account is -1",
        "appears more than once",
        "deal_stage is none of",
        "close_date is before engage_date",
    ):
        assert reasons.count(part) >= 70
    # a repeated identifier also costs the clean row that had it first
    assert 0 < len(checked.rejected) - soiled.sum() <= soiled.sum() / 5 + 1


def test_an_export_may_be_all_dirt() -> None:
    dirty = generate_with_truth(Settings(500, dirt=1.0), seed=5)[0]
    assert set(dirty["deal_stage"]) >= {"Negotiating"}


def test_another_span_and_more_agents_than_names() -> None:
    # given
    settings = Settings(20_000, agents=70, accounts=200, first_engaged=date(2020, 1, 1), last_day=date(2024, 6, 30))
    # when
    deals = check(generate_with_truth(settings, seed=1)[0]).accepted
    # then
    assert deals["sales_agent"].nunique() == 70
    assert deals["account"].nunique() == 200
    assert deals["engage_date"].min() < pd.Timestamp(2020, 3, 1)
    assert deals["close_date"].max() > pd.Timestamp(2024, 6, 1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rows": 0}, "cannot make up 0 deals"),
        ({"agents": 0}, "agents is 0"),
        ({"agent_effect": -0.1}, "agent_effect is -0.1"),
        ({"dirt": 1.5}, "dirt is 1.5"),
        ({"drift_at": date(2017, 1, 1), "drift_hazard": 0.0}, "a factor above 0"),
        ({"drift_win": 0.5}, "without drift_at"),
        ({"last_day": date(2016, 10, 21)}, "expected 2016-10-24 or later"),
    ],
)
def test_what_cannot_be_made_up_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Settings(**({"rows": 10} | wrong))  # type: ignore[arg-type]


def test_no_deals_cannot_be_made_up() -> None:
    with pytest.raises(ValueError, match="cannot make up 0 deals"):
        generate(0, seed=1)
