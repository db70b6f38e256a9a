"""A made-up export as it was on earlier days, and a journal of what a model said of its deals."""

from collections.abc import Iterable
from datetime import date

import pandas as pd

from benchmarks.asked import entry
from closecast.deals.contract import check
from closecast.models.deal_model import DealModel
from closecast.platform.journal.entry import Entry
from closecast.platform.mlflow.identity import Identity


def as_of(raw: pd.DataFrame, day: date) -> pd.DataFrame:
    """The raw export `raw`, all text, as it was at the end of `day`."""
    text = day.isoformat()
    there = raw[(raw["engage_date"] != "") & (raw["engage_date"] <= text)].copy()
    later = there["close_date"] > text
    there.loc[later, ["close_date", "close_value"]] = ""
    there.loc[later, "deal_stage"] = "Engaging"
    return there


def answers(
    model: DealModel, identity: Identity, raw: pd.DataFrame, days: Iterable[date], horizon: int = 30
) -> list[Entry]:
    """What the model says on each of `days` of all deals that are open then, with what is known by then as its history.

    Each day is a batch as the API records it.
    """
    return [_answered(model, identity, check(as_of(raw, day)).accepted, day, horizon) for day in days]


def _answered(model: DealModel, identity: Identity, deals: pd.DataFrame, day: date, horizon: int) -> Entry:
    known = deals[deals["engage_date"].notna()].reset_index(drop=True)
    builder = model.seen_with(known, day, "silver/made-up").builder
    return entry(model.scorer, builder, known, day, horizon, identity)
