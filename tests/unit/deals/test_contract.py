"""The contract: every row is accepted or rejected with its reason, and a broken export is refused in one line."""

from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closecast.deals.contract import ContractError, check
from closecast.deals.vocabulary import RAW_COLUMNS

GOOD = {
    "opportunity_id": "A1",
    "sales_agent": "Ada Berg",
    "product": "GTX Basic",
    "account": "",
    "deal_stage": "Won",
    "engage_date": "2017-01-02",
    "close_date": "2017-03-04",
    "close_value": "550",
}
OPEN = {**GOOD, "opportunity_id": "B2", "deal_stage": "Engaging", "close_date": "", "close_value": ""}


def export(*rows: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(RAW_COLUMNS))


def test_types_and_aliases_of_accepted_deals() -> None:
    # given
    raw = export({**GOOD, "product": " GTXPro ", "engage_date": "1/2/2017"}, OPEN)
    # when
    checked = check(raw)
    # then
    deals = checked.accepted
    assert checked.rejected.empty
    assert deals["product"].tolist() == ["GTX Pro", "GTX Basic"]
    assert deals["account"].tolist() == [None, None]
    assert deals["engage_date"].tolist() == [pd.Timestamp("2017-01-02")] * 2
    assert deals["close_date"].isna().tolist() == [False, True]
    assert deals["close_value"].dtype == float


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"opportunity_id": ""}, "opportunity_id is missing"),
        ({"sales_agent": " "}, "sales_agent is missing"),
        ({"product": ""}, "product is missing"),
        ({"account": "-1"}, "account is -1 (leave a missing value empty)"),
        ({"deal_stage": "won"}, "deal_stage is none of Prospecting, Engaging, Won, Lost"),
        ({"engage_date": "02.01.2017"}, "engage_date is not a date written YYYY-MM-DD or M/D/YYYY"),
        ({"engage_date": "13/1/2017"}, "engage_date is not a date written YYYY-MM-DD or M/D/YYYY"),
        ({"engage_date": "-1"}, "engage_date is not a date written YYYY-MM-DD or M/D/YYYY"),
        ({"close_date": "2017-02-30"}, "close_date is not a date written YYYY-MM-DD or M/D/YYYY"),
        ({"engage_date": ""}, "engage_date is missing although the deal is past Prospecting"),
        ({"close_date": ""}, "close_date is missing although the deal is closed"),
        ({"close_value": ""}, "close_value is missing although the deal is closed"),
        ({"close_value": "-1"}, "close_value is not a number of 0 or more"),
        ({"close_value": "inf"}, "close_value is not a number of 0 or more"),
        ({"deal_stage": "Engaging"}, "close_date or close_value is given although the deal is open"),
        ({"close_date": "2017-01-01"}, "close_date is before engage_date"),
    ],
)
def test_each_broken_rule_has_its_reason(change: dict[str, str], reason: str) -> None:
    # given
    raw = export({**GOOD, "opportunity_id": "C3", **change}, OPEN)
    # when
    checked = check(raw)
    # then
    assert checked.rejected["reasons"].tolist() == [reason]
    assert checked.accepted["opportunity_id"].tolist() == ["B2"]


def test_a_repeated_row_is_kept_once_and_an_ambiguous_identifier_never() -> None:
    # given
    twins = [GOOD, dict(GOOD)]
    contradiction = [{**GOOD, "opportunity_id": "D4"}, {**GOOD, "opportunity_id": "D4", "product": "GTK 500"}]
    # when
    checked = check(export(*twins, *contradiction))
    # then
    assert checked.accepted["opportunity_id"].tolist() == ["A1"]
    assert checked.rejected["opportunity_id"].tolist() == ["A1", "D4", "D4"]


@pytest.mark.parametrize(("count", "kept"), [(10, 10), (11, 1), (500, 1)])
def test_a_deal_under_ever_new_identifiers_is_one(count: int, kept: int) -> None:
    # given a closed deal many times, and as many leads that agree in all that is known of them
    same = [{**GOOD, "opportunity_id": f"S{at}", "account": "Oak"} for at in range(count)]
    leads = [{**OPEN, "opportunity_id": f"L{at}"} for at in range(count)]
    # when
    checked = check(export(*same, *leads))
    # then
    assert len(checked.accepted) == kept + count
    assert set(checked.rejected["reasons"]) <= {
        "opportunity_id is new, but in all else the deal appears more than once"
    }


def test_a_date_far_from_all_others_does_not_move_the_end_of_the_data() -> None:
    # given
    rows = [{**GOOD, "opportunity_id": str(number)} for number in range(120)]
    rows[5] = {**rows[5], "close_date": "2071-03-04"}
    # when
    checked = check(export(*rows))
    # then
    assert checked.rejected["reasons"].tolist() == ["close_date is more than a year away from the other deals' dates"]


def test_a_missing_column_is_named_beside_those_found() -> None:
    # given
    raw = export(GOOD).drop(columns=["engage_date", "product"])
    # when / then
    with pytest.raises(
        ContractError, match=r"lacks the columns product, engage_date; it has opportunity_id, sales_agent"
    ):
        check(raw)


def test_an_export_without_rows_is_refused() -> None:
    with pytest.raises(ContractError, match="a header but no rows"):
        check(export())


def test_an_export_without_an_acceptable_row_says_how_many_and_shows_one() -> None:
    # given
    raw = export({**GOOD, "engage_date": "soon"}, {**OPEN, "engage_date": "soon"})
    # when / then
    with pytest.raises(ContractError, match=r"0 of 2 rows accepted.*2 x engage_date is not a date.*'soon' in A1"):
        check(raw)


def test_the_real_export_is_accepted_whole(real_raw: pd.DataFrame) -> None:
    # when
    checked = check(real_raw)
    # then
    assert (len(checked.accepted), len(checked.rejected)) == (8800, 0)
    assert (checked.accepted["product"] == "GTX Pro").sum() == 1480


_CELL: dict[str, Any] = {
    "opportunity_id": st.sampled_from(["A", "B", "C", "D", ""]),
    "sales_agent": st.sampled_from(["Ada", "", "-1"]),
    "product": st.sampled_from(["GTXPro", "GTK 500", ""]),
    "account": st.sampled_from(["", "Oak", "-1"]),
    "deal_stage": st.sampled_from(["Won", "Lost", "Engaging", "Prospecting", "?"]),
    "engage_date": st.sampled_from(["2017-01-01", "3/9/2017", "", "-1", "later"]),
    "close_date": st.sampled_from(["2017-05-01", "5/9/2017", "", "-1", "2017-13-01"]),
    "close_value": st.sampled_from(["0", "12.5", "", "-1", "much"]),
}


@settings(max_examples=20)
@given(st.lists(st.fixed_dictionaries(_CELL), min_size=1, max_size=8))
def test_rows_in_are_rows_accepted_and_rows_rejected(rows: list[dict[str, str]]) -> None:
    # given
    raw = export(GOOD, *rows)  # one row that is acceptable
    # when
    checked = check(raw)
    # then
    assert sorted([*checked.accepted.index, *checked.rejected.index]) == list(range(len(raw)))
    assert (checked.rejected["reasons"].str.len() > 0).all()
    pd.testing.assert_frame_equal(checked.rejected[list(RAW_COLUMNS)], raw.loc[checked.rejected.index])
    assert checked.accepted["opportunity_id"].is_unique
