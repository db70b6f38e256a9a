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
_FOREVER = 2**40  # days that a deal lasts which has not closed


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


def counts(
    deals: pd.DataFrame, ages: NDArray[np.int64], question: Question, fiscal: FiscalCalendar
) -> NDArray[np.int64]:
    """How many past deals `alike` finds for open deals of these ages in days, (n,), int64.

    The work grows with the deals, and with ages times days, not with ages times deals.
    """
    found = np.zeros(len(ages), dtype=np.int64)
    engaged, closed = _days(deals["engage_date"]), _days(deals["close_date"])
    as_of = np.datetime64(question.as_of, "D")
    known = engaged <= as_of
    if not known.any():
        return found
    first = engaged[known].min()
    lasted = np.where(np.isnat(closed), _FOREVER, (closed - engaged).astype(np.int64))[known]
    order = np.argsort(-lasted, kind="stable")
    lasted, day = lasted[order], (engaged[known] - first).astype(np.int64)[order]
    days = int((as_of - first).astype(np.int64)) + 1
    away = np.abs(
        quarter_end_days(first + np.arange(days), fiscal) - int(quarter_end_days(np.array([as_of]), fiscal)[0])
    )
    still_open, taken = np.zeros(days, dtype=np.int64), 0  # by day of engagement, those that were open at that age
    different, back = np.unique(ages, return_inverse=True)
    of_age = np.zeros(len(different), dtype=np.int64)
    for at in reversed(range(len(different))):
        age = int(different[at])
        more = int(np.searchsorted(-lasted, -age))  # the first `more` lasted longer than that
        still_open += np.bincount(day[taken:more], minlength=days)
        taken = more
        known_since = max(0, days - question.horizon_days - age)  # whose whole horizon lies before the as-of date
        past, phase = still_open[:known_since], away[age : age + known_since]
        near = int(past[phase <= _PHASE_DAYS].sum())
        of_age[at] = near if near >= _ENOUGH else int(past.sum())
    found[:] = of_age[back]
    return found


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
