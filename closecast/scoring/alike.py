"""Past deals like an open one, and how they went: a chance that a salesperson can check by hand."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecast.deals.calendar import FiscalCalendar
from closecast.deals.horizon import quarter_end_days
from closecast.scoring.question import Question

_ENOUGH = 30
_PHASE_DAYS = 10  # how far apart two dates of one phase of the quarter are at most
_SHOWN = 10


@dataclass(frozen=True)
class PastDeal:
    """A deal as it was `on` the day when it was as old as the open one, and what became of it within the horizon.

    `closed_after_days` counts from that day; None where it had not closed by then.
    """

    opportunity_id: str
    sales_agent: str
    product: str
    account: str | None
    on: date
    stage: str  # Won, Lost, or Engaging where it stayed open
    closed_after_days: int | None


@dataclass(frozen=True)
class Alike:
    """`of` past deals, of which `won` and `lost` closed within the horizon; the rest stayed open.

    `same_phase` says whether they were as far from the quarter's end too. `deals` are the most similar, at most ten.
    """

    of: int
    won: int
    lost: int
    same_phase: bool
    deals: tuple[PastDeal, ...]


def alike(
    deals: pd.DataFrame, identifier: str, engaged: date, product: str | None, question: Question, fiscal: FiscalCalendar
) -> Alike:
    """Find the past deals that were open at the age that the deal `identifier` has on the question's as-of date.

    Each is seen once, on the day when it was that old, and counts if its whole horizon lies before the as-of date: so
    nothing is used that was not known then. Those as far from the quarter's end, within ten days, are taken where there
    are at least 30 of them, else all. `deals` are accepted deals (closecast.features.history.COLUMNS).
    """
    age, horizon = np.timedelta64((question.as_of - engaged).days, "D"), np.timedelta64(question.horizon_days, "D")
    as_of = np.datetime64(question.as_of, "D")
    on, closed = _days(deals["engage_date"]) + age, _days(deals["close_date"])
    # Comparisons with a missing date are false.
    was_open = (on + horizon <= as_of) & ~(closed <= on) & (deals["opportunity_id"] != identifier).to_numpy()
    rows = np.flatnonzero(was_open)
    away = np.abs(quarter_end_days(on[rows], fiscal) - int(quarter_end_days(np.array([as_of]), fiscal)[0]))
    near = away <= _PHASE_DAYS
    same_phase = int(near.sum()) >= _ENOUGH
    if same_phase:
        rows, away = rows[near], away[near]
    in_time = closed[rows] <= on[rows] + horizon
    stage = deals["deal_stage"].to_numpy(dtype=object)[rows]
    others = (deals["product"] != product).to_numpy()[rows] if product is not None else np.zeros(len(rows), bool)
    order = np.lexsort((-on[rows].astype(np.int64), away, others))[:_SHOWN]
    return Alike(
        of=len(rows),
        won=int((in_time & (stage == "Won")).sum()),
        lost=int((in_time & (stage == "Lost")).sum()),
        same_phase=same_phase,
        deals=tuple(
            _past(deals.iloc[int(rows[at])], on[rows[at]], closed[rows[at]], bool(in_time[at])) for at in order.tolist()
        ),
    )


def _past(row: Any, on: np.datetime64, closed: np.datetime64, in_time: bool) -> PastDeal:
    return PastDeal(
        opportunity_id=str(row["opportunity_id"]),
        sales_agent=str(row["sales_agent"]),
        product=str(row["product"]),
        account=None if pd.isna(row["account"]) else str(row["account"]),
        on=on.astype(date),
        stage=str(row["deal_stage"]) if in_time else "Engaging",
        closed_after_days=int((closed - on).astype(np.int64)) if in_time else None,
    )


def _days(column: "pd.Series[Any]") -> NDArray[np.datetime64]:
    days: NDArray[np.datetime64] = column.to_numpy(dtype="M8[D]")
    return days
