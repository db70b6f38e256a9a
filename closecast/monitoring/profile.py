"""The reference profile: what the rows that a model learnt from looked like, by phase of the quarter.

A profile is kept as histograms, small enough to be a file of the model's folder. Windows of later rows are counted into
the same histograms (Sketch), chunk by chunk, and compared by closecast.monitoring.drift.
"""

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closecast.deals.calendar import CALENDAR_YEAR, FiscalCalendar
from closecast.monitoring.columns import BINS, CELLS, LABELS, ONE_A_DEAL, Category, Column, Number
from closecast.monitoring.distances import by_chance, distance
from closecast.monitoring.sketch import Chunk, Counts, Layout, ProfileError, Sketch

LEAST_SHARE = 0.5  # of a window's live rows that must have counterparts in the reference
_FORMAT, _VERSION = "closecast reference profile", 1
_LARGEST = 1 << 25  # bytes of a profile before compression; one of 35 columns has 2 million
_MOST_STRATA = 20  # horizons, and bands of ages
FEWEST_DEALS = 30  # that a window needs
_LATEST_WEEKS = 26  # longer ago, history was short and the features of history moved faster
_WEEK_LEVEL = 0.01  # of a week's distance by chance
_ROOM = 2.0  # times the movement of recurring deals: few weeks may not hold the greatest one
_AGE_BANDS = 4
_QUARTER_DAYS = 91


@dataclass(frozen=True)
class Matched:
    """Histograms of a window beside those of the reference in the same strata, in the window's proportions."""

    reference: NDArray[np.float64]  # (columns, CELLS), shares
    window: Counts  # (columns, CELLS), rows
    share: float  # of the window's live rows that the reference has counterparts for
    deals: float  # number of independent deals that the reference is worth
    quarters: float  # from the reference's rows to the window's on average, at least 1

    def worth(self, column: Column, deals: int) -> float:
        """Independent values of `column` that the comparison rests on, if the window has `deals`: half the harmonic mean."""
        return 1 / (1 / max(1.0, min(deals, column.units)) + 1 / min(self.deals, column.units))


@dataclass(frozen=True)
class Profile:
    """What the reference rows looked like, and how far they moved from week to week by themselves."""

    layout: Layout
    counts: Counts  # (strata, columns, CELLS), rows
    deals: Counts  # (strata,): distinct deals in each, counted anew each week
    days: Counts  # (strata,): as-of dates since 1970-01-01, summed over rows
    # (columns,): how far a window may be from the reference by itself, over the root of the quarters between them (a
    # column that wanders at random moves like that root). It is the greatest distance of one of the last 26 weeks from
    # those before it in the same phase: twice that, or beyond what chance explains where no deal recurs.
    movement: NDArray[np.float64]
    weeks: int  # that could be compared with those before them

    @classmethod
    def of(
        cls,
        rows: Chunk,
        numbers: Sequence[str],
        not_judged: Sequence[str] = (),
        horizons: Sequence[int] = (),
        units: Mapping[str, float] | None = None,
        may_lack: Sequence[str] = (),
        fiscal: FiscalCalendar = CALENDAR_YEAR,
    ) -> "Profile":
        """Make the profile of training rows; `numbers` names the columns of `rows.numbers`.

        `not_judged` are columns that are counted but never reported as drifted, `horizons` those of the rows, in days,
        except the end of the quarter, `units` as in Number, by column, and `may_lack` the names
        that may be missing more often than in the reference. Raises ProfileError without rows.
        """
        if not len(rows):
            raise ProfileError("a profile cannot be made of no rows")
        worth = units or {}
        columns: list[Column] = [
            Number.of(name, values, name not in not_judged, worth.get(name, ONE_A_DEAL))
            for name, values in zip(numbers, rows.numbers.T, strict=True)
        ]
        columns += [
            Category.of(name, values, name not in not_judged, name in may_lack) for name, values in rows.names.items()
        ]
        layout = Layout(tuple(columns), tuple(sorted(horizons)), _bands(rows.age_days[rows.live]), fiscal)
        whole = Sketch(layout)
        deals = np.zeros(layout.other + 1, dtype=np.int64)
        moved: list[NDArray[np.float64]] = []
        # The rows of a deal that is open for months do not differ from week to week by chance.
        by_chance_too = len(np.unique(rows.deal)) == len(rows)
        for week in _weeks(rows.as_of):
            part = rows[week]
            sketch = Sketch(layout)
            for piece in part.parts():
                sketch.add(piece)
            found = matched(layout, whole.counts, deals, whole.days, sketch)
            if found is not None and found.share >= LEAST_SHARE and sketch.deals >= FEWEST_DEALS:
                moved.append(_movement(layout, found, sketch, by_chance_too))
            whole.merge(sketch)
            pairs = np.unique(np.stack([layout.strata(part), part.deal]), axis=1)
            deals += np.bincount(pairs[0], minlength=len(deals))
        # A column without any value has moved by NaN, which fmax passes over.
        movement = np.fmax.reduce([np.zeros(len(columns)), *moved[-_LATEST_WEEKS:]])
        return cls(layout, whole.counts, deals, whole.days, movement, len(moved))

    @property
    def rows(self) -> int:
        return int(self.counts[:, 0].sum())

    def to_bytes(self) -> bytes:
        """The profile as compressed JSON."""
        cells = np.flatnonzero(self.counts)
        content = {
            "format": _FORMAT,
            "version": _VERSION,
            "columns": [_described(column) for column in self.layout.columns],
            "horizons": self.layout.horizons,
            "ages": self.layout.ages,
            "fiscal_year_start": self.layout.fiscal.first_month,
            # Only cells that are not 0, each by the distance from the one before.
            "cells": np.diff(cells, prepend=0).tolist(),
            "counts": self.counts.ravel()[cells].tolist(),
            "deals": self.deals.tolist(),
            "days": self.days.tolist(),
            "movement": self.movement.tolist(),
            "weeks": self.weeks,
        }
        return zlib.compress(json.dumps(content, separators=(",", ":"), allow_nan=False).encode(), 9)

    @classmethod
    def from_bytes(cls, content: bytes) -> "Profile":
        """Read what `to_bytes` wrote. Raises ProfileError for anything else."""
        unpacker = zlib.decompressobj()
        try:
            text = unpacker.decompress(content, _LARGEST)
        except zlib.error as error:
            raise ProfileError(f"the profile is damaged, or is none: {error}") from error
        if not unpacker.eof or unpacker.unused_data:
            raise ProfileError("the profile is damaged: it is cut off, too large, or followed by something else")
        try:
            read = json.loads(text)
            if read["format"] != _FORMAT or read["version"] != _VERSION:
                raise ProfileError(
                    f"the file is a {str(read['format'])[:50]!r} of version {str(read['version'])[:20]}; expected a "
                    f"{_FORMAT!r} of version {_VERSION}: train anew"
                )
            return _made(read)
        except (ValueError, KeyError, TypeError, IndexError, OverflowError, RecursionError) as error:
            if isinstance(error, ProfileError):
                raise
            raise ProfileError(f"the profile is damaged: {type(error).__name__}: {error}") from error


def _described(column: Column) -> dict[str, Any]:
    if isinstance(column, Category):
        return {"name": column.name, "judged": column.judged, "may_lack": column.may_lack, "labels": column.labels}
    return {
        "name": column.name,
        "judged": column.judged,
        "centres": column.centres.tolist(),
        "edges": column.edges.tolist(),
        "range": [column.lowest, column.highest],
        "deviation": column.deviation,
        "units": None if column.units == ONE_A_DEAL else column.units,
    }


def _made(read: dict[str, Any]) -> Profile:
    layout = Layout(
        tuple(_column(one) for one in read["columns"]),
        _ascending(read["horizons"]),
        _ascending(read["ages"]),
        FiscalCalendar(read["fiscal_year_start"]),
    )
    if not layout.columns or len(set(layout.names)) < len(layout.names):
        raise ValueError("no columns, or one twice")
    shape = (layout.other + 1, len(layout.columns), CELLS)
    cells = np.cumsum(_whole(read["cells"]))
    counts = np.zeros(int(np.prod(shape)), dtype=np.int64)
    if len(cells) and cells[-1] >= len(counts):
        raise ValueError("a cell beyond the last")
    counts[cells] = _whole(read["counts"])
    made = Profile(
        layout,
        counts.reshape(shape),
        _whole(read["deals"]),
        _whole(read["days"]),
        np.array(read["movement"], dtype=np.float64),
        int(read["weeks"]),
    )
    rows = made.counts.sum(axis=2)
    if (rows != rows[:, :1]).any():
        raise ValueError("the columns differ in their number of rows")
    if made.deals.shape != rows[:, 0].shape or made.days.shape != rows[:, 0].shape:
        raise ValueError("deals or days of other strata")
    if ((made.deals > rows[:, 0]) | ((rows[:, 0] > 0) & (made.deals == 0))).any():
        raise ValueError("deals and rows do not go together")
    if made.movement.shape != (len(layout.columns),) or not (made.movement >= 0).all() or made.weeks < 0:
        raise ValueError("no movement of the columns")
    return made


def _column(read: dict[str, Any]) -> Column:
    name, judged = str(read["name"]), bool(read["judged"])
    if "labels" in read:
        labels = tuple(str(label) for label in read["labels"])
        if len(labels) > LABELS:
            raise ValueError(f"{name} has {len(labels)} labels")
        return Category(name, judged, labels, bool(read["may_lack"]))
    centres, edges = (np.array(read[key], dtype=np.float64) for key in ("centres", "edges"))
    lowest, highest = read["range"]
    units = ONE_A_DEAL if read["units"] is None else float(read["units"])
    made = Number(name, judged, centres, edges, float(lowest), float(highest), float(read["deviation"]), units)
    figures = np.concatenate([centres, edges, [made.lowest, made.highest, made.deviation]])
    if not 0 < len(centres) < 2 * BINS or len(edges) != len(centres) - 1 or not np.isfinite(figures).all():
        raise ValueError(f"{name} has no cells that fit together")
    if not ((np.diff(centres) >= 0).all() and (np.diff(edges) > 0).all() and made.deviation > 0 and units >= 1):
        raise ValueError(f"the cells of {name} do not ascend")
    return made


def _whole(read: list[int]) -> Counts:
    """Whole numbers of 0 or more."""
    made = np.array(read)
    if made.ndim != 1 or (len(made) and (made.dtype.kind != "i" or made.min() < 0)):
        raise ValueError("not a list of whole numbers")
    return made.astype(np.int64)


def _ascending(read: list[int]) -> tuple[int, ...]:
    made = _whole(read)
    if len(made) > _MOST_STRATA or (np.diff(made) <= 0).any():
        raise ValueError("horizons or ages do not ascend")
    return tuple(made.tolist())


def matched(layout: Layout, counts: Counts, deals: Counts, days: Counts, window: Sketch) -> Matched | None:
    """Match the strata of a `window` with those of the reference; None when they have none in common.

    `counts`, `deals` and `days` are the reference's, as in Profile.
    """
    strata = slice(0, layout.compared)
    rows, known = window.counts[strata, 0].sum(axis=1), counts[strata, 0].sum(axis=1)
    common = np.flatnonzero((rows > 0) & (known > 0))
    if not len(common):
        return None
    weights = rows[common] / rows[common].sum()
    reference = np.tensordot(weights / known[common], counts[common].astype(np.float64), axes=1)
    # One deal is in many strata: their errors add up as if they were the same.
    worth = 1 / float(weights @ (1 / np.sqrt(deals[common]))) ** 2
    apart = float(weights @ (window.days[common] / rows[common] - days[common] / known[common]))
    return Matched(
        reference,
        window.counts[common].sum(axis=0),
        float(rows[common].sum() / rows.sum()),
        worth,
        max(1.0, abs(apart) / _QUARTER_DAYS),
    )


def _bands(ages: NDArray[np.int64]) -> tuple[int, ...]:
    """Ages, in days, that divide `ages` into bands of about equal size."""
    if not len(ages):
        return ()
    cuts = np.quantile(ages, np.linspace(0, 1, _AGE_BANDS + 1)[1:-1])
    return tuple(sorted({int(cut) for cut in np.ceil(cuts)} - {0}))


def _weeks(days: NDArray[np.datetime64]) -> Iterator[NDArray[np.int64]]:
    """The positions of the rows of each week, in the order of time."""
    weeks = days.astype("M8[D]").astype(np.int64) // 7
    order = np.argsort(weeks, kind="stable")
    return iter(np.split(order, np.flatnonzero(np.diff(weeks[order])) + 1))


def _movement(layout: Layout, found: Matched, window: Sketch, by_chance_too: bool) -> NDArray[np.float64]:
    """As Profile.movement, of one week, (columns,)."""
    deals = window.deals
    compared = list(zip(layout.columns, found.reference, found.window, window.outside[1], strict=True))
    moved = np.array([distance(*one) for one in compared])
    if by_chance_too:
        chance = [by_chance(one, before, found.worth(one, deals), _WEEK_LEVEL) for one, before, _, _ in compared]
        moved = np.maximum(moved - chance, 0.0)
    else:
        moved *= _ROOM
    return np.asarray(moved / np.sqrt(found.quarters))
