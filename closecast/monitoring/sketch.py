"""Rows counted into histograms by stratum: what a profile and the windows compared with it are made of."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from closecast.deals.calendar import CALENDAR_YEAR, FiscalCalendar
from closecast.deals.horizon import quarter_end_days
from closecast.monitoring.columns import CELLS, Category, Column, Number

PHASES = 14  # weeks to the end of the quarter, of at most 92 days
_BITS = 1 << 20  # of the sketch that counts distinct deals
_ROWS_AT_ONCE = 100_000
_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: Fibonacci hashing (Knuth, vol. 3, 6.4)
_ANY_DAY = np.datetime64("1970-01-01")  # for rows without a date, which are not compared
Counts = NDArray[np.int64]


class ProfileError(ValueError):
    """A profile is damaged, or was made by another version, or does not fit the rows."""


@dataclass(frozen=True)
class Chunk:
    """Rows of one kind, n of them, with the columns of a profile in its order."""

    as_of: NDArray[np.datetime64]  # datetime64[D], (n,): the day that decides the phase of the quarter
    horizon_days: NDArray[np.int64]  # (n,); 0 where rows have no horizon
    deal: NDArray[np.int64]  # (n,); any number that identifies the deal
    age_days: NDArray[np.int64]  # (n,); 0 where rows have no age
    live: NDArray[np.bool_]  # (n,); False for deals older than any cycle that ever closed
    numbers: NDArray[np.float64]  # (n, k)
    names: Mapping[str, NDArray[np.object_]] = field(default_factory=dict)  # each (n,); None where missing

    def __len__(self) -> int:
        return len(self.as_of)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> "Chunk":
        return Chunk(
            self.as_of[rows],
            self.horizon_days[rows],
            self.deal[rows],
            self.age_days[rows],
            self.live[rows],
            self.numbers[rows],
            {name: values[rows] for name, values in self.names.items()},
        )

    def between(self, first: np.datetime64, end: np.datetime64) -> "Chunk":
        """The rows with as-of dates from `first` on and before `end`."""
        return self[np.flatnonzero((self.as_of >= first) & (self.as_of < end))]

    def parts(self, rows: int = _ROWS_AT_ONCE) -> Iterator["Chunk"]:
        """The chunk in pieces of `rows`, the last one shorter."""
        return (self[slice(first, first + rows)] for first in range(0, len(self), rows))


@dataclass(frozen=True)
class Layout:
    """The columns that are counted, and the strata that rows fall into.

    A stratum is a phase of the quarter with a horizon (one of `horizons`, or the end of the quarter) and an age. Like is
    compared with like: a chance within 7 days says nothing about one within 90, and how old the open deals are depends
    on how many were begun lately. Two more strata take the rows that are not compared: deals older than any cycle that
    ever closed (`dead`), and those with a horizon that the model was not trained for, or without a date (`other`).
    """

    columns: tuple[Column, ...]
    horizons: tuple[int, ...]  # days, ascending
    ages: tuple[int, ...]  # days at which a band of ages begins, ascending; the first band begins at 0
    fiscal: FiscalCalendar = CALENDAR_YEAR

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def compared(self) -> int:
        """The number of strata that are compared; DEAD and OTHER follow."""
        return PHASES * (len(self.horizons) + 1) * (len(self.ages) + 1)

    @property
    def dead(self) -> int:
        return self.compared

    @property
    def other(self) -> int:
        return self.compared + 1

    def strata(self, rows: Chunk) -> Counts:
        """The stratum of each row, (n,)."""
        dated = ~np.isnat(rows.as_of)
        to_the_end = quarter_end_days(np.where(dated, rows.as_of, _ANY_DAY), self.fiscal)
        horizons = np.array(self.horizons, dtype=np.int64)
        kind = np.searchsorted(horizons, rows.horizon_days)
        named = np.append(horizons, -1)[kind] == rows.horizon_days
        kind = np.where(named, kind, len(horizons))
        strata = phase(to_the_end) * (len(horizons) + 1) + kind
        band = np.searchsorted(np.array(self.ages, dtype=np.int64), rows.age_days, side="right")
        strata = strata * (len(self.ages) + 1) + band
        strata = np.where(dated & (named | (rows.horizon_days == to_the_end)), strata, self.other)
        return np.where(rows.live, strata, self.dead)

    def values(self, rows: Chunk) -> Iterator[NDArray[np.float64] | NDArray[np.object_]]:
        """The values of each column, (n,), in order.

        Raises ProfileError when `rows` have other columns.
        """
        numbers = [column.name for column in self.columns if isinstance(column, Number)]
        names = [column.name for column in self.columns if isinstance(column, Category)]
        if rows.numbers.ndim != 2 or rows.numbers.shape[1] != len(numbers) or set(rows.names) != set(names):
            raise ProfileError(
                f"the profile has {len(numbers)} columns of numbers and the names {', '.join(names) or '(none)'}; the rows "
                f"have numbers of the shape {rows.numbers.shape} and the names {', '.join(rows.names) or '(none)'}: the "
                "profile belongs to a model with other features"
            )
        yield from rows.numbers.T
        yield from (rows.names[name] for name in names)


def phase(to_the_end: Counts) -> Counts:
    """The phase of the quarter, below PHASES, of days from which its end is 1 to 92 days away; shape kept."""
    return (to_the_end - 1) // 7


class Sketch:
    """Rows counted by stratum, column and cell. Memory does not depend on the number of rows."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        columns = len(layout.columns)
        self.counts: Counts = np.zeros((layout.other + 1, columns, CELLS), dtype=np.int64)
        # How far values lie outside of the reference's range, summed: of all rows, and of those that are compared.
        self.outside: NDArray[np.float64] = np.zeros((2, columns))
        self.days: Counts = np.zeros(layout.other + 1, dtype=np.int64)  # as-of dates since 1970-01-01, summed
        self._seen: NDArray[np.bool_] = np.zeros(_BITS, dtype=np.bool_)

    def add(self, rows: Chunk) -> "Sketch":
        """Count more rows. Raises ProfileError when they have other columns."""
        strata = self.layout.strata(rows)
        compared = strata < self.layout.compared
        size = len(self.counts) * CELLS
        for at, (column, values) in enumerate(zip(self.layout.columns, self.layout.values(rows), strict=True)):
            cells, outside = column.cells(values)  # type: ignore[arg-type]
            found = np.bincount(strata * CELLS + cells, minlength=size)
            self.counts[:, at] += found.reshape(len(self.counts), CELLS)
            self.outside[:, at] += outside.sum(), outside[compared].sum()
        # Linear counting (Whang et al., 1990): the share of bits that are still unset tells how many deals there are.
        self._seen[_bits(rows.deal[compared])] = True
        days = np.where(np.isnat(rows.as_of), _ANY_DAY, rows.as_of.astype("M8[D]")).astype(np.int64)
        np.add.at(self.days, strata, days)
        return self

    def merge(self, other: "Sketch") -> "Sketch":
        """Take in the rows that `other` counted."""
        self.counts += other.counts
        self.outside += other.outside
        self.days += other.days
        self._seen |= other._seen
        return self

    @property
    def rows(self) -> int:
        return int(self.counts[:, 0].sum())

    @property
    def deals(self) -> int:
        """The number of distinct deals among the compared rows, within about 1 % up to a few million."""
        unset = max(1, _BITS - int(self._seen.sum()))
        return round(-_BITS * math.log(unset / _BITS))


def _bits(deals: NDArray[np.int64]) -> NDArray[np.uint64]:
    return (deals.astype(np.uint64) * _SPREAD) >> np.uint64(64 - 20)
