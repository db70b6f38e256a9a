"""A made-up export as it was on earlier days, and a journal of what a model said of its deals."""

from collections.abc import Iterable
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd

from closecast.deals.contract import check
from closecast.models.deal_model import DealModel
from closecast.platform.journal.entry import Entry, new_id
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
    position = np.flatnonzero(known["close_date"].isna())
    count = len(position)
    days = np.full(count, np.datetime64(day, "D"))
    matrix = builder.matrix(builder.history.encode(known), position, days, np.full(count, horizon))
    return Entry(
        id=new_id(),
        request_id=f"of {day}",
        time=datetime.now(UTC),
        caller="key:tests",
        kind="batch",
        as_of=day,
        horizon_days=horizon,
        model_version=identity.version,
        rows=list(range(count)),
        deals={"opportunity_id": known["opportunity_id"].iloc[position].tolist()},
        unseen=[[]] * count,
        probability=model.scorer.predict(matrix).tolist(),
        probabilities=None,
        days=[horizon],
        features=matrix.astype("<f8").tobytes(),
        model_run_id=identity.run_id,
    )
