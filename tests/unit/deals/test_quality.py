"""The quality score: each part counts what it says, the real file passes, and a file with every fifth row bad does not."""

import pickle
from datetime import date

import pandas as pd
import pytest

from closecast.deals.contract import check
from closecast.deals.quality import MINIMUM, Quality, QualityError, assess, require
from closecast.deals.synthetic.generator import generate
from closecast.deals.vocabulary import RAW_COLUMNS

WON = {
    "opportunity_id": "A1",
    "sales_agent": "Ada Berg",
    "product": "GTX Basic",
    "account": "Oak",
    "deal_stage": "Won",
    "engage_date": "2017-03-01",
    "close_date": "2017-03-04",
    "close_value": "550",
}
ENGAGING = {**WON, "opportunity_id": "B2", "account": "", "deal_stage": "Engaging", "close_date": "", "close_value": ""}
PROSPECT = {**ENGAGING, "opportunity_id": "C3", "deal_stage": "Prospecting", "engage_date": ""}
GOOD = [WON, ENGAGING, PROSPECT]  # 8 + 5 + 4 cells that their stages require, all there


def export(*rows: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(RAW_COLUMNS))


def quality_of(*rows: dict[str, str], as_of: date | None = None) -> Quality:
    raw = export(*rows)
    return assess(raw, check(raw), as_of)


def test_a_faultless_export_scores_one_although_open_deals_lack_account_and_close() -> None:
    # when
    quality = quality_of(*GOOD)
    # then
    assert quality.score == pytest.approx(1)
    assert set(quality.parts.values()) == {1.0}


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"account": ""}, {"completeness": 24 / 25}),  # accepted by the contract, and still a gap
        ({"sales_agent": " "}, {"completeness": 24 / 25}),
        ({"deal_stage": ""}, {"completeness": 21 / 22}),  # without a stage, nothing of a close is required
        ({"close_date": ""}, {"completeness": 24 / 25, "consistency": 3 / 4}),
        ({"engage_date": "-1"}, {"validity": 24 / 25}),
        ({"close_date": "2017-02-30"}, {"validity": 24 / 25}),
        ({"close_value": "much"}, {"validity": 24 / 25}),
        ({"account": "-1", "product": "-1"}, {"validity": 23 / 25}),
        ({"deal_stage": "won"}, {"validity": 24 / 25}),
        ({"close_date": "2017-02-01"}, {"consistency": 3 / 4}),
        ({"deal_stage": "Engaging"}, {"consistency": 3 / 4}),
        ({"product": " GTXPro "}, {"consistency": 3.5 / 4}),
        ({"opportunity_id": "B2"}, {"uniqueness": 2 / 4}),
        ({"opportunity_id": ""}, {"completeness": 24 / 25, "uniqueness": 3 / 4}),
    ],
)
def test_each_fault_counts_against_its_part(change: dict[str, str], parts: dict[str, float]) -> None:
    # when
    quality = quality_of(*GOOD, {**WON, "opportunity_id": "D4", **change})
    # then
    found = {name: value for name, value in quality.parts.items() if name != "timeliness" and value < 1}
    assert found == pytest.approx(parts)


def test_a_week_without_an_event_counts_against_timeliness() -> None:
    # given
    later = {**WON, "opportunity_id": "D4", "engage_date": "2017-03-24", "close_date": "2017-03-25"}
    # when
    quality = quality_of(WON, later)
    # then
    assert quality.timeliness == pytest.approx(2 / 4)  # of the four weeks to March 25, the middle two are empty


@pytest.mark.parametrize(("as_of", "timeliness"), [(4, 1.0), (11, 1.0), (56, 0.5 * 2 * (98 - 52) / 91), (200, 0.0)])
def test_an_export_ages_with_the_as_of_date(as_of: int, timeliness: float) -> None:
    # given
    day = pd.Timestamp("2017-02-28") + pd.Timedelta(days=as_of)
    # when
    quality = quality_of(WON, as_of=day.date())
    # then
    assert quality.timeliness == pytest.approx(timeliness)


def test_an_export_may_run_past_the_as_of_date() -> None:
    assert quality_of(WON, as_of=date(2017, 1, 1)).timeliness == 1


def test_deals_without_any_date_are_not_timely() -> None:
    assert quality_of(PROSPECT).timeliness == 0


def test_the_score_is_the_weighted_mean_and_its_parts_are_shown() -> None:
    # given
    quality = Quality(0.9, 0.8, 1.0, 1.0, 0.5, accepted=1.0)
    # when
    rows = quality.table()
    # then
    assert sum(quality.weights.values()) == pytest.approx(1)
    assert quality.score == pytest.approx(0.25 * 0.9 + 0.25 * 0.8 + 0.25 + 0.15 + 0.10 * 0.5)
    assert quality.score == pytest.approx(sum(float(row["value"]) * float(row["weight"]) for row in rows))
    assert [row["part"] for row in rows] == list(quality.weights)
    assert all(row["counts"] for row in rows)
    assert quality.as_dict() == {"score": quality.score, **quality.parts, "accepted": 1.0}
    assert pickle.loads(pickle.dumps(quality)) == quality


def test_the_score_is_limited_by_the_rows_accepted() -> None:
    assert Quality(1, 1, 1, 1, 1, accepted=0.8).score == 0.8


@pytest.mark.parametrize(
    ("column", "bad"),
    [("engage_date", "soon"), ("sales_agent", ""), ("deal_stage", "?"), ("product", "-1"), ("opportunity_id", "X")],
)
def test_every_fifth_row_bad_fails_in_one_line(column: str, bad: str) -> None:
    # given
    raw = generate(500, seed=1)
    raw.loc[raw.index % 5 == 0, column] = bad
    quality = assess(raw, check(raw))
    # when / then
    with pytest.raises(QualityError) as error:
        require(quality)
    message = str(error.value)
    assert "\n" not in message
    assert f"score {quality.score:.4f} is below the minimum 0.93; worst parts: " in message
    assert "rows accepted: 80.0%; correct the rejected rows" in message


def test_a_low_score_of_accepted_rows_names_its_worst_parts_and_what_to_do() -> None:
    # when / then
    with pytest.raises(
        QualityError, match=r"worst parts: timeliness 0\.000, consistency 0\.700; .*draw a newer export"
    ):
        require(Quality(1, 1, 0.7, 1, 0, accepted=1))


def test_a_score_at_the_minimum_is_enough() -> None:
    require(Quality(1, 1, 1, 1, 1, accepted=MINIMUM))


def test_checked_deals_of_another_export_are_refused() -> None:
    with pytest.raises(ValueError, match="the export has 1 rows but 3 were checked"):
        assess(export(WON), check(export(*GOOD)))


def test_the_index_of_the_export_does_not_matter() -> None:
    # given
    raw = export(*GOOD, {**WON, "opportunity_id": "D4", "close_date": "2017-02-01"})
    moved = raw.set_axis([9, 7, 7, 3])
    # then
    assert assess(moved, check(moved)) == assess(raw, check(raw))


def test_the_real_file_passes_with_a_margin(real_raw: pd.DataFrame) -> None:
    # when
    quality = assess(real_raw, check(real_raw))
    # then
    require(quality, MINIMUM + 0.04)
    assert quality.score == pytest.approx(0.979, abs=0.0005)  # as docs/data-quality.md states
    assert quality.consistency == pytest.approx(1 - 0.5 * 1480 / 8800)
    assert {value for name, value in quality.parts.items() if name != "consistency"} == {1.0}


def test_the_real_file_with_every_fifth_date_lost_fails(real_raw: pd.DataFrame) -> None:
    # given
    raw = real_raw.copy()
    raw.loc[raw.index % 5 == 0, "engage_date"] = "-1"
    # when / then
    with pytest.raises(QualityError):
        require(assess(raw, check(raw)))
