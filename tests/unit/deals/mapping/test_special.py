"""Special deals are counted by what their rows say."""

import pandas as pd
import pytest

from closecast.deals.contract import check
from closecast.deals.mapping.special import special_deals
from closecast.deals.synthetic.generator import generate


@pytest.fixture
def accepted() -> pd.DataFrame:
    return check(generate(300, seed=5)).accepted


def _counts(raw: dict[str, list[str]], accepted: pd.DataFrame) -> dict[str, int]:
    return {one.kind: one.count for one in special_deals(pd.DataFrame(raw), None, accepted)}


def test_an_ordinary_export_has_none(accepted: pd.DataFrame) -> None:
    raw = {"Deal Name": ["Copy machines for Acme", "Clone Wars"], "Type": ["New Business", "Existing Business"]}
    assert _counts(raw, accepted[accepted["close_date"] != accepted["engage_date"]]) == {}


@pytest.mark.parametrize(
    ("name", "values", "count"),
    [
        ("Type", ["Renewal", "New Business", "Contract renewal"], 2),
        ("is_renewal", ["1", "0", "True"], 2),
        ("Record Type", ["Verlängerung", "", "Neugeschäft"], 1),
        ("Notes", ["Renewal", "Renewal", "Renewal"], 0),
    ],
)
def test_renewals_are_counted_where_a_column_says_so(
    accepted: pd.DataFrame, name: str, values: list[str], count: int
) -> None:
    assert _counts({name: values}, accepted).get("renewal", 0) == count


def test_clones_zero_days_and_deals_alike_are_counted(accepted: pd.DataFrame) -> None:
    won = accepted[(accepted["deal_stage"] == "Won") & accepted["account"].notna()].iloc[:3]
    same_day = won.assign(close_date=won["engage_date"], opportunity_id=["x", "y", "z"])
    deals = pd.concat([won, won.assign(opportunity_id=["a", "b", "c"]), same_day], ignore_index=True)
    names = {"Opportunity Name": ["Acme (Copy)", "Copy of Acme", "Acme - Kopie", "Acme"]}
    assert _counts(names, deals) == {"clone": 3, "alike": 3, "zero-day": 3}
