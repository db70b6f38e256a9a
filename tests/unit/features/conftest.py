"""Deals for tests of this room: a short export written by hand, and a made-up one."""

from datetime import date

import pandas as pd
import pytest

from closecast.deals.contract import check
from closecast.deals.synthetic.generator import generate
from closecast.features import FeatureBuilder, History

END = date(2017, 12, 31)


def frame(*rows: tuple[str | None, str | None, str | None, str, str, str | None, float | None]) -> pd.DataFrame:
    """Accepted deals: agent, product, account, stage, engage date, close date, value."""
    made = pd.DataFrame(
        rows, columns=["sales_agent", "product", "account", "deal_stage", "engage_date", "close_date", "close_value"]
    )
    made.insert(0, "opportunity_id", [f"D{number:03}" for number in range(len(made))])
    for name in ("engage_date", "close_date"):
        made[name] = pd.to_datetime(made[name])
    made["close_value"] = made["close_value"].astype(float)
    return made


@pytest.fixture(scope="session")
def deals() -> pd.DataFrame:
    made = check(generate(1_500, seed=5)).accepted
    return made[made["engage_date"].notna()].reset_index(drop=True)


@pytest.fixture(scope="session")
def builder(deals: pd.DataFrame) -> FeatureBuilder:
    return FeatureBuilder(History(deals, END))
