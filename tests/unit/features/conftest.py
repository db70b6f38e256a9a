"""Deals for tests of this room: a short export written by hand, and a made-up one."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from closecast.deals import stages
from closecast.deals.contract import check
from closecast.deals.stages import HISTORY, Entry
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
def deals_with_histories(deals: pd.DataFrame) -> pd.DataFrame:
    """Nine in ten have one, with entries before, on and after the close."""
    random = np.random.default_rng(3)
    made = deals.copy()
    made[HISTORY] = [_history(engaged, random) for engaged in deals["engage_date"].dt.date]
    return made


def _history(engaged: date, random: np.random.Generator) -> str | None:
    if random.random() < 0.1:
        return None
    entries = []
    for days in np.sort(random.integers(0, 120, random.integers(1, 7))).tolist():
        day = engaged + timedelta(days=days)
        expected = None if random.random() < 0.5 else day + timedelta(days=int(random.integers(-5, 60)))
        entries.append(Entry(day, (None, "Lead", "Demo", "Offer")[random.integers(0, 4)], expected))
    return stages.write(entries)


@pytest.fixture(scope="session")
def builder(deals: pd.DataFrame) -> FeatureBuilder:
    return FeatureBuilder(History(deals, END))


ROWS = (
    ("Ada", "GTX", "Oak", "Won", "2017-01-02", "2017-01-12", 100.0),
    ("Ada", "GTX", "Oak", "Lost", "2017-01-02", "2017-02-11", 0.0),
    ("Ben", "MG", "Elm", "Won", "2017-01-02", "2017-06-01", 50.0),
    ("Ada", "GTX", "Elm", "Won", "2017-05-02", "2017-06-10", 130.0),  # on 10 June: not yet known
    ("Ada", "GTX", "Oak", "Engaging", "2017-05-01", None, None),
    ("Cy", "New", None, "Engaging", "2017-05-01", None, None),
)
