"""Influence of few rows on a comparison: what is left of it without its most favourable deals, agent or date."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecast.deals.snapshots import Snapshots
from closecast.models.data import Data
from closecast.models.evidence import closing_days

AGENT, CLOSING_DATE, AS_OF_DATE = "sales agent", "closing date", "as-of date"
LEFT_OUT_DEALS = 5  # deals left out at once
MAX_GAP_DAYS = 14  # days beyond what training windows have that a label window may go on after its last close
_USUAL = 0.95  # quantile of the training rows' windows


@dataclass(frozen=True)
class Group:
    """The group of each row, as positions in `names`, (n,); -1 for rows without a group."""

    codes: NDArray[np.int64]
    names: NDArray[Any]

    @classmethod
    def of(cls, values: NDArray[Any]) -> "Group":
        codes, names = pd.factorize(values)
        return cls(codes.astype(np.int64), np.asarray(names))


@dataclass(frozen=True)
class CloseGap:
    """The share of held-out rows whose windows go on without a close, and the dates between which no deal closes."""

    share: float = 0.0
    usual: int = 0  # days that training windows go on after their last close
    since: str = ""
    until: str = ""


@dataclass(frozen=True)
class LeaveOneOut:
    """A comparison without some rows: the mean difference of log loss; NaN when no row is left."""

    what: str
    difference: float


def same_deal(deals: pd.DataFrame) -> NDArray[np.int64]:
    """One number per deal, (n,), equal for closed deals that differ only in their identifier."""
    columns = [name for name in deals.columns if name != "opportunity_id"]
    number = np.arange(len(deals))
    closed = np.flatnonzero(deals["close_date"].notna())
    alike = closed[deals.iloc[closed].duplicated(columns, keep=False)]
    of_a_kind = deals.iloc[alike].groupby(columns, dropna=False, sort=False).ngroup().to_numpy()
    number[alike] = pd.Series(alike).groupby(of_a_kind).transform("min")
    return number


def groups(data: Data, rows: Snapshots) -> dict[str, Group]:
    """Group `rows` by their deals' agent, by the date of a win within the window, and by as-of date."""
    agents = Group.of(data.deals["sales_agent"].to_numpy(dtype=object))
    closed = data.deals["close_date"].to_numpy(dtype="M8[D]")[rows.deal]
    return {
        AGENT: Group(agents.codes[rows.deal], agents.names),
        CLOSING_DATE: Group.of(np.where(rows.won == 1, closed, np.datetime64("NaT"))),
        AS_OF_DATE: Group.of(rows.as_of),
    }


def close_gap(data: Data, train: Snapshots, test: Snapshots) -> CloseGap:
    """Find held-out windows that go on after the last close of any deal: in that time nothing could close."""
    closes = closing_days(data)
    usual = int(np.quantile(_runs_on(closes, train), _USUAL))
    late = _runs_on(closes, test) > usual + MAX_GAP_DAYS
    if not late.any():
        return CloseGap(0.0, usual)
    before_cut = max(0, int(np.searchsorted(closes, np.datetime64(data.plan.cut, "D"))) - 1)
    edges = np.append(closes[before_cut:], np.datetime64(data.plan.end, "D"))
    longest = int(np.argmax(np.diff(edges)))
    return CloseGap(float(late.mean()), usual, str(edges[longest]), str(edges[longest + 1]))


def _runs_on(closes: NDArray[np.datetime64], rows: Snapshots) -> NDArray[np.int64]:
    ends = rows.window_ends()
    last = closes[np.maximum(np.searchsorted(closes, ends, side="right") - 1, 0)]
    return np.asarray((ends - np.clip(last, rows.as_of, ends)).astype(np.int64))


def worst_without(difference: NDArray[np.float64], deal: NDArray[np.int64], by: Mapping[str, Group]) -> LeaveOneOut:
    """The least favourable result after leaving out a few deals, one agent or one as-of date.

    `difference` is the difference of log loss per row, (n,), below 0 where our model is better. If there is only one
    agent, it is not left out.
    """
    left = [_worst(difference, Group.of(deal), LEFT_OUT_DEALS, f"{LEFT_OUT_DEALS} deals")]
    kinds = [kind for kind in (AGENT, AS_OF_DATE) if kind in by and (kind != AGENT or len(by[kind].names) > 1)]
    left += [_worst(difference, by[kind], 1, kind) for kind in kinds]
    return max(left, key=lambda one: np.inf if np.isnan(one.difference) else one.difference)


def _worst(difference: NDArray[np.float64], group: Group, count: int, what: str) -> LeaveOneOut:
    size = len(group.names)
    sums = np.bincount(group.codes, weights=difference, minlength=size)
    rows = np.bincount(group.codes, minlength=size)
    if count > 1:
        best = np.argsort(sums, kind="stable")[:count]
        remain = len(difference) - rows[best].sum()
        rest = (difference.sum() - sums[best].sum()) / remain if remain else np.nan
        return LeaveOneOut(what, float(rest))
    remain = len(difference) - rows
    rest = np.divide(difference.sum() - sums, remain, out=np.full(size, np.inf), where=remain > 0)
    worst = int(np.argmax(rest))
    return LeaveOneOut(f"{what} {_named(group.names[worst])}", float(rest[worst]) if remain[worst] else np.nan)


def most_common(group: Group) -> tuple[str, float]:
    """The most common name among rows with a group, and its share; ("", 0) when no row has one."""
    counts = np.bincount(group.codes[group.codes >= 0], minlength=max(1, len(group.names)))
    if not counts.sum():
        return "", 0.0
    return _named(group.names[counts.argmax()]), float(counts.max() / counts.sum())


def _named(name: Any) -> str:
    return str(name.astype("M8[D]")) if isinstance(name, np.datetime64) else str(name)
