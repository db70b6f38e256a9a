"""How much of a comparison hangs on few rows: what is left of it without the deals, agent or date that speak most for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecast.deals.snapshots import Snapshots
from closecast.models.evidence import closing_days
from closecast.models.training import Data

AGENT, CLOSING_DATE, AS_OF_DATE = "sales agent", "closing date", "as-of date"
HANDFUL = 5  # deals left out at once
PATIENCE = 14  # days that a label window may run on after its last close, beyond what training windows do
_USUAL = 0.95  # of the training rows' windows


@dataclass(frozen=True)
class Group:
    """Which row belongs to which of `names`, as positions in it, (n,); -1 for rows that belong to none."""

    codes: NDArray[np.int64]
    names: NDArray[Any]

    @classmethod
    def of(cls, values: NDArray[Any]) -> "Group":
        codes, names = pd.factorize(values)
        return cls(codes.astype(np.int64), np.asarray(names))


@dataclass(frozen=True)
class Quiet:
    """The share of held-out rows whose windows run on with no deal closing, and between which dates none does."""

    share: float = 0.0
    usual: int = 0  # days that training windows run on after their last close
    since: str = ""
    until: str = ""


@dataclass(frozen=True)
class Without:
    """What is left of a comparison without some rows: the mean difference of log loss; NaN when nothing is left."""

    what: str
    difference: float


def same_deal(deals: pd.DataFrame) -> NDArray[np.int64]:
    """One number for each deal, (n,), the same for closed deals that differ in nothing but their identifier."""
    columns = [name for name in deals.columns if name != "opportunity_id"]
    number = np.arange(len(deals))
    closed = np.flatnonzero(deals["close_date"].notna())
    alike = closed[deals.iloc[closed].duplicated(columns, keep=False)]
    of_a_kind = deals.iloc[alike].groupby(columns, dropna=False, sort=False).ngroup().to_numpy()
    number[alike] = pd.Series(alike).groupby(of_a_kind).transform("min")
    return number


def groups(data: Data, rows: Snapshots) -> dict[str, Group]:
    """`rows` by their deals' agent, by the date that a deal was won on within the window, and by as-of date."""
    agents = Group.of(data.deals["sales_agent"].to_numpy(dtype=object))
    closed = data.deals["close_date"].to_numpy(dtype="M8[D]")[rows.deal]
    return {
        AGENT: Group(agents.codes[rows.deal], agents.names),
        CLOSING_DATE: Group.of(np.where(rows.won == 1, closed, np.datetime64("NaT"))),
        AS_OF_DATE: Group.of(rows.as_of),
    }


def quiet(data: Data, train: Snapshots, test: Snapshots) -> Quiet:
    """How long windows run on after the last close in them, of any deal: what never could close says nothing."""
    closes = closing_days(data)
    usual = int(np.quantile(_runs_on(closes, train), _USUAL))
    late = _runs_on(closes, test) > usual + PATIENCE
    if not late.any():
        return Quiet(0.0, usual)
    before_cut = max(0, int(np.searchsorted(closes, np.datetime64(data.plan.cut, "D"))) - 1)
    edges = np.append(closes[before_cut:], np.datetime64(data.plan.end, "D"))
    longest = int(np.argmax(np.diff(edges)))
    return Quiet(float(late.mean()), usual, str(edges[longest]), str(edges[longest + 1]))


def _runs_on(closes: NDArray[np.datetime64], rows: Snapshots) -> NDArray[np.int64]:
    ends = rows.window_ends()
    last = closes[np.maximum(np.searchsorted(closes, ends, side="right") - 1, 0)]
    return np.asarray((ends - np.clip(last, rows.as_of, ends)).astype(np.int64))


def weakest(difference: NDArray[np.float64], deal: NDArray[np.int64], by: Mapping[str, Group]) -> Without:
    """The least that is left of `difference` of each row, (n,), below 0 where ours is better, without a handful of deals,
    an agent or an as-of date: those that speak most for us. A single agent is not left out."""
    left = [_least(difference, Group.of(deal), HANDFUL, f"{HANDFUL} deals")]
    kinds = [kind for kind in (AGENT, AS_OF_DATE) if kind in by and (kind != AGENT or len(by[kind].names) > 1)]
    left += [_least(difference, by[kind], 1, kind) for kind in kinds]
    return max(left, key=lambda one: np.inf if np.isnan(one.difference) else one.difference)


def _least(difference: NDArray[np.float64], group: Group, count: int, what: str) -> Without:
    size = len(group.names)
    sums = np.bincount(group.codes, weights=difference, minlength=size)
    rows = np.bincount(group.codes, minlength=size)
    if count > 1:
        best = np.argsort(sums, kind="stable")[:count]
        remain = len(difference) - rows[best].sum()
        rest = (difference.sum() - sums[best].sum()) / remain if remain else np.nan
        return Without(what, float(rest))
    remain = len(difference) - rows
    rest = np.divide(difference.sum() - sums, remain, out=np.full(size, np.inf), where=remain > 0)
    worst = int(np.argmax(rest))
    return Without(f"{what} {_named(group.names[worst])}", float(rest[worst]) if remain[worst] else np.nan)


def commonest(group: Group) -> tuple[str, float]:
    """The name that most rows have, of those that have any, and its share; ("", 0) where none has."""
    counts = np.bincount(group.codes[group.codes >= 0], minlength=max(1, len(group.names)))
    if not counts.sum():
        return "", 0.0
    return _named(group.names[counts.argmax()]), float(counts.max() / counts.sum())


def _named(name: Any) -> str:
    return str(name.astype("M8[D]")) if isinstance(name, np.datetime64) else str(name)
