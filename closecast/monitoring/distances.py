"""Distances between histograms, and how large they are by chance alone.

The distances are those that Evidently takes for references of more than 1,000 rows: the Wasserstein distance over the
reference's standard deviation for numbers, the Jensen-Shannon distance for categories and for numbers of up to five
values. Both are metrics, so the triangle inequality holds.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2

from closecast.monitoring.columns import MISSING, Column, Number

_SPARSE = 5  # expected deals in a cell

Weights = NDArray[Any]  # (CELLS,): how much of a column lies in each cell, in any unit


def distance(column: Column, reference: Weights, window: Weights, outside: float = 0.0) -> float:
    """The distance of two histograms of one column, missing values left out; NaN when one of them is empty.

    `outside` is how far the window's values lie outside of the reference's range, summed in the unit of `window`.
    """
    before, now = reference[:MISSING], window[:MISSING]
    if before.sum() <= 0 or now.sum() <= 0:
        return float("nan")
    if isinstance(column, Number) and not column.categorical:
        gaps = np.abs(_below(column, before) - _below(column, now))
        return float((gaps @ np.diff(column.centres) + outside / now.sum()) / column.deviation)
    return _jensen_shannon(before, now)


def mean(column: Column, weights: Weights) -> float:
    """The mean of the known values, by the centres of their cells; NaN for names and without values."""
    if not isinstance(column, Number):
        return float("nan")
    held = weights[: len(column.centres)]
    return float(held @ column.centres / held.sum()) if held.sum() > 0 else float("nan")


def missing_distance(reference: Weights, window: Weights) -> float:
    """The Jensen-Shannon distance of the shares of missing values."""
    return _jensen_shannon(
        *(np.array([part[MISSING], part.sum() - part[MISSING]], dtype=np.float64) for part in (reference, window))
    )


def by_chance(column: Column, reference: Weights, deals: float, level: float) -> float:
    """The distance from `reference` that a sample worth `deals` independent deals exceeds with probability `level` at most.

    For the Wasserstein distance: the mean of its limit (del Barrio, Giné and Matrán, 1999), and above it the
    concentration of a Gaussian process (Borell-TIS), whose variance is at most that of the values. For the
    Jensen-Shannon distance: its square is to first order a chi-square over 8 `deals`.
    """
    known = reference[:MISSING]
    if known.sum() <= 0:
        return float("nan")
    if isinstance(column, Number) and not column.categorical:
        below = _below(column, known)
        mean = np.sqrt(2 / np.pi) * np.sqrt(below * (1 - below)) @ np.diff(column.centres)
        tail = np.sqrt(2 * np.log(1 / level)) * _deviation(column, known)
        return float((mean + tail) / column.deviation / np.sqrt(deals))
    return _categorical_by_chance(known[known > 0] / known.sum(), deals, level)


def missing_by_chance(reference: Weights, deals: float, level: float) -> float:
    """The `missing_distance` that a sample worth `deals` deals exceeds with probability `level` at most."""
    share = reference[MISSING] / reference.sum()
    return _categorical_by_chance(np.array([share, 1 - share]), deals, level)


def _categorical_by_chance(shares: NDArray[np.float64], deals: float, level: float) -> float:
    squared = float(chi2.isf(level, max(1, len(shares) - 1))) / (8 * deals)
    # Where cells are sparse, the divergence is up to 2 ln 2 times what the chi-square says (Topsøe, 2000).
    sparse = float(shares.min()) * deals < _SPARSE
    return float(np.sqrt(squared * (2 * np.log(2) if sparse else 1)))


def _jensen_shannon(before: Weights, now: Weights) -> float:
    return float(np.nan_to_num(jensenshannon(before, now)))  # rounding below 0 gives NaN for equal histograms


def _below(column: Number, weights: Weights) -> NDArray[np.float64]:
    """The share at or below each centre but the last."""
    held = weights[: len(column.centres)]
    return np.asarray(np.clip(np.cumsum(held)[:-1] / held.sum(), 0, 1))


def _deviation(column: Number, weights: Weights) -> float:
    share = weights[: len(column.centres)] / weights[: len(column.centres)].sum()
    mean = share @ column.centres
    return float(np.sqrt(share @ (column.centres - mean) ** 2))
