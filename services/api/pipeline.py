"""The open pipeline: the deals of the data that the champion learnt from, seen at a date and ranked."""

import threading
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecast.models.deal_model import DealModel
from closecast.platform.lake import Lake
from services.api import scoring
from services.api.schemas import OpenDeal, PipelineCounts

_TEXT = ("opportunity_id", "sales_agent", "product", "account")


@dataclass(frozen=True)
class Deals:
    """The accepted deals of one export, as arrays of shape (n,)."""

    text: dict[str, list[Any]]
    engaged: NDArray[np.datetime64]  # datetime64[D], NaT for Prospecting
    closed: NDArray[np.datetime64]  # datetime64[D], NaT while open

    @classmethod
    def of_frame(cls, frame: pd.DataFrame) -> "Deals":
        text = {name: [None if pd.isna(value) else value for value in frame[name]] for name in _TEXT}
        return cls(text, frame["engage_date"].to_numpy("M8[D]"), frame["close_date"].to_numpy("M8[D]"))

    def open_at(self, as_of: date) -> NDArray[np.int64]:
        """Positions of the deals engaged by then and not closed by then (comparisons with NaT are false)."""
        moment = np.datetime64(as_of, "D")
        return np.flatnonzero((self.engaged <= moment) & ~(self.closed <= moment))


class Ledger:
    """Deals out of the lake by their key; the last key's stay in memory, for keys name their content."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._lock = threading.Lock()
        self._kept: tuple[str, Deals] | None = None

    def deals(self, key: str) -> Deals:
        """Raises LakeError when the lake does not answer or no longer has them."""
        with self._lock:
            if self._kept is None or self._kept[0] != key:
                self._kept = (key, Deals.of_frame(self._lake.read_parquet(key)))
            return self._kept[1]


@dataclass(frozen=True)
class Ranking:
    """Open deals, likeliest first, and sums over all of them."""

    counts: PipelineCounts
    expected_wins: float
    deals: list[OpenDeal]


def rank(model: DealModel, deals: Deals, question: scoring.Question, limit: int, offset: int) -> Ranking:
    """The `limit` deals from position `offset` on; equal chances stand in the order of engagement, then of the export."""
    positions = deals.open_at(question.as_of)
    engaged = deals.engaged[positions]
    probabilities = scoring.many(model, engaged, question)
    order = np.lexsort((positions, engaged, -probabilities))[offset : offset + limit]
    return Ranking(
        PipelineCounts(open=len(positions), not_scorable=int(np.isnat(deals.engaged).sum())),
        float(probabilities.sum()),
        [_open_deal(deals, int(positions[at]), float(probabilities[at]), question.as_of) for at in order],
    )


def _open_deal(deals: Deals, position: int, probability: float, as_of: date) -> OpenDeal:
    engaged: date = deals.engaged[position].item()
    text = {name: values[position] for name, values in deals.text.items()}
    return OpenDeal(**text, engage_date=engaged, age_days=(as_of - engaged).days, probability=probability)
