"""The span of an export's dates: outliers must not decide where the data begin or end.

Two dates matter: deals are labelled from the first close on, and nothing is known after the last date. One close date
mistyped by a year would turn nine months in which nothing closed into evidence. So a date far from the others counts
only where the data's own rhythm explains the distance: days with an engagement or a close are counted, each once
however many rows share it, and a stretch at either end, behind the longest pause of all, that holds far less than the
emptiest one of its length elsewhere is no part of the data.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Days = NDArray[np.int64]  # distinct days since 1970-01-01, ascending

_ASIDE = 0.1  # share of the days at either end that is left out when the rhythm is measured: outliers are there


@dataclass(frozen=True)
class SparseRule:
    """A stretch is too sparse if the emptiest one elsewhere has at least `least` days, and `times` as many."""

    least: int
    times: int


AT_END = SparseRule(12, 4)
AT_BEGIN = SparseRule(12, 12)  # closes begin slowly: the first deals take their time


def outside(deals: pd.DataFrame, as_of: date | None = None) -> "pd.Series[str]":
    """Reasons why deals lie outside of the data's span, joined by "; ", by index; deals inside it are left out.

    `deals` keep every other rule of the contract and have typed dates. With `as_of` the user vouches for all dates up
    to it, and none after it is accepted; without, the end is the last date that the others bear out.
    """
    engaged, closed = (deals[name].dt.as_unit("s") for name in ("engage_date", "close_date"))
    days = _days(pd.concat([engaged, closed]))
    if not len(days):
        return pd.Series(dtype=object)
    if as_of is None:
        end = supported_end(days, AT_END)
        late = f"is after {_date(end)}, where the other dates end: correct it, or name the export's date as as_of"
    else:
        end = int(np.datetime64(as_of, "D").astype(np.int64))
        late = f"is after {as_of}, the as_of that was given: correct it, or give a later as_of"
    parts = [(dates.name, dates > _date(end), late) for dates in (engaged, closed)]
    if len(closes := _days(closed)):
        begin = -supported_end(-closes[::-1], AT_BEGIN)
        early = f"is earlier than {_date(begin)}, where the other closes begin: correct it, or leave the deal out"
        parts.append(("close_date", closed < _date(begin), early))
    placed = pd.concat([pd.Series(f"{name} {why}", index=deals.index[odd]) for name, odd, why in parts])
    return placed.groupby(level=0).agg("; ".join)


def supported_end(days: Days, sparse: SparseRule) -> int:
    """The last of `days` (at least one) after dropping sparse stretches at the end that their rhythm does not explain."""
    aside = int(len(days) * _ASIDE)
    core = days[aside : len(days) - aside]
    pause = np.diff(core).max(initial=0)
    last = len(days) - 1
    ends = [at for at in range(last - 1, last - aside - 1, -1) if days[at + 1] - days[at] > pause]
    for before in ends:
        held = last - before
        if _least(core, int(days[last] - days[before])) >= max(sparse.least, sparse.times * held):
            last = before
    return int(days[last])


def _least(core: Days, length: int) -> int:
    """The fewest days of `core` in any stretch of `length` days between its first and last; all of them for a longer one."""
    begins = np.arange(core[0], core[-1] + 2 - length)
    if not len(begins):
        return len(core)
    return int((np.searchsorted(core, begins + length) - np.searchsorted(core, begins)).min())


def _days(dates: "pd.Series[pd.Timestamp]") -> Days:
    return np.unique(dates.dropna().to_numpy(dtype="M8[D]").astype(np.int64))


def _date(day: int) -> np.datetime64:
    return np.datetime64(day, "D")
