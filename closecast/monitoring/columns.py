"""Columns as histograms: numbers in bins of the reference, names by label."""

import zlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

BINS = 100  # of a number with more different values than that
LABELS = 256  # of a column of names; a rarer name counts as unseen. More than the cells of any number, 2 BINS - 1
UNSEEN, MISSING = LABELS, LABELS + 1  # cells of a name that the reference lacks, and of NaN, infinity or no name
CELLS = MISSING + 1
ONE_A_DEAL = float("inf")  # independent values of a column that may differ from deal to deal
FEW_VALUES = 5  # up to so many different values, Evidently treats numbers as categories
_FAR = 1e6  # standard deviations beyond the reference's range: farther is no different
_LEAST_DEVIATION = 1e-3  # Evidently's


@dataclass(frozen=True)
class Number:
    """A column of numbers: one cell for each of its values if these are few, else bins.

    `units` is how many independent values there are at one time: all deals of an agent share the agent's win rate.

    Bins are finer where values are common. `centres` are the mean values of the cells, ascending, and `edges` divide
    them: (k,) and (k - 1,).
    """

    name: str
    judged: bool
    centres: NDArray[np.float64]
    edges: NDArray[np.float64]
    lowest: float
    highest: float
    deviation: float  # standard deviation of the reference, at least 0.001
    units: float = ONE_A_DEAL
    may_lack: bool = False

    @classmethod
    def of(cls, name: str, values: NDArray[np.float64], judged: bool = True, units: float = ONE_A_DEAL) -> "Number":
        """Choose the cells for `values`, (n,). Missing and infinite ones are left out."""
        # Sorted, so that the order of the rows does not show in the last digit of a sum.
        known = np.sort(values[np.isfinite(values)])
        if not len(known):
            return cls(name, judged, np.zeros(1), np.empty(0), 0.0, 0.0, _LEAST_DEVIATION, units)
        distinct = np.unique(known)
        lowest, highest, deviation = float(distinct[0]), float(distinct[-1]), max(float(known.std()), _LEAST_DEVIATION)
        between = (distinct[1:] + distinct[:-1]) / 2
        if len(distinct) <= FEW_VALUES:
            return cls(name, judged, distinct, between, lowest, highest, deviation, units)
        # Resolve where values are common; equal widths bound the error in the tails, and of values that are new.
        common = between if len(distinct) <= BINS else np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])
        edges = np.unique(np.concatenate([common, np.linspace(lowest, highest, BINS + 1)[1:-1]]))
        cells = np.searchsorted(edges, known)
        counts = np.bincount(cells, minlength=len(edges) + 1)
        sums = np.bincount(cells, weights=known, minlength=len(edges) + 1)
        bounds = np.concatenate([[lowest], edges, [highest]])
        centres = np.where(counts > 0, sums / np.maximum(counts, 1), (bounds[1:] + bounds[:-1]) / 2)
        return cls(name, judged, np.maximum.accumulate(centres), edges, lowest, highest, deviation, units)

    @property
    def categorical(self) -> bool:
        """Whether its values are compared as categories."""
        return len(self.centres) <= FEW_VALUES

    def cells(self, values: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The cell of each value, and how far it lies outside of the reference's range, both (n,)."""
        known = np.isfinite(values)
        held = values if known.all() else np.where(known, values, self.lowest)
        cells = np.searchsorted(self.edges, held)
        beyond = np.maximum(held - self.highest, self.lowest - held)
        outside = np.clip(beyond, 0, _FAR * self.deviation)
        if self.categorical:
            cells[held != self.centres[cells]] = UNSEEN
        cells[~known] = MISSING
        return cells, outside


@dataclass(frozen=True)
class Category:
    """A column of names, by label."""

    name: str
    judged: bool
    labels: tuple[str, ...]
    may_lack: bool = False  # whether more missing values are no drift
    units: float = ONE_A_DEAL
    categorical: bool = True

    @classmethod
    def of(cls, name: str, values: NDArray[np.object_], judged: bool = True, may_lack: bool = False) -> "Category":
        """Take the labels that are in `values`, (n,), the most frequent ones if they are too many."""
        codes, distinct = pd.factorize(values)
        counts = np.bincount(codes[codes >= 0], minlength=len(distinct))
        most = np.argsort(-counts, kind="stable")[:LABELS]
        return cls(name, judged, tuple(sorted(str(distinct[one]) for one in most)), may_lack)

    def cells(self, values: NDArray[np.object_]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The cell of each value, as of Number."""
        codes, distinct = pd.factorize(values)
        known = {label: cell for cell, label in enumerate(self.labels)}
        cells = np.array([*(known.get(str(one), UNSEEN) for one in distinct), MISSING], dtype=np.int64)
        return cells[codes], np.zeros(len(values))


Column = Number | Category


def bucketed(names: NDArray[np.object_], buckets: int = LABELS) -> NDArray[np.object_]:
    """Replace each name by one of `buckets` labels, missing names by None; (n,).

    So a profile tells how often a name occurs, and contains no personal data.
    """
    codes, distinct = pd.factorize(names)
    hashes = [zlib.crc32(str(one).encode(errors="replace")) for one in distinct]
    labels = [f"{one % buckets:03d}" for one in hashes]
    return np.array([*labels, None], dtype=object)[codes]
