"""Builds feature values: many snapshots at once for training and scoring, or the one row of an API request."""

from datetime import date

import numpy as np
from numpy.typing import NDArray

from closecast.features.declared import FEATURES, Moments
from closecast.features.horizon import checked


def matrix(
    engage_dates: NDArray[np.datetime64], as_of: NDArray[np.datetime64], horizon_days: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Feature values of n snapshots, shape (n, len(FEATURES)), float64, columns in the order of FEATURES.

    `engage_dates` and `as_of` are datetime64 of shape (n,), read as whole days; `horizon_days` are int64 days, (n,).
    Raises ValueError for lengths that differ, for a missing date, for a deal engaged after its as-of date, and for a
    horizon outside 1..MAX_HORIZON_DAYS.
    """
    moments = Moments(
        np.asarray(engage_dates, dtype="M8[D]"), np.asarray(as_of, dtype="M8[D]"), np.asarray(horizon_days, np.int64)
    )
    _check(moments)
    values = np.empty((len(moments.as_of), len(FEATURES)), dtype=np.float64)
    for column, feature in enumerate(FEATURES):
        values[:, column] = feature.compute(moments)
    return values


def row(engage_date: date, as_of: date, horizon_days: int) -> NDArray[np.float64]:
    """The same for one deal: shape (1, len(FEATURES)), bit-identical to its row of `matrix`. Raises as `matrix`."""
    return matrix(
        np.array([engage_date], dtype="M8[D]"),
        np.array([as_of], dtype="M8[D]"),
        np.array([horizon_days], dtype=np.int64),
    )


def _check(moments: Moments) -> None:
    shapes = {moments.engage_dates.shape, moments.as_of.shape, moments.horizon_days.shape}
    if len(shapes) != 1 or moments.as_of.ndim != 1:
        raise ValueError(f"features need three arrays of one length, got the shapes {sorted(shapes)}")
    for name, days in (("engage_dates", moments.engage_dates), ("as_of", moments.as_of)):
        if np.isnat(days).any():
            raise ValueError(f"{name} holds {int(np.isnat(days).sum())} missing dates; leave those deals out")
    early = moments.engage_dates > moments.as_of
    if early.any():
        first = int(np.argmax(early))
        raise ValueError(
            f"a deal engaged on {moments.engage_dates[first]} cannot be seen as of {moments.as_of[first]}: "
            "it does not exist yet; leave it out or choose a later as-of date"
        )
    checked(moments.horizon_days)
