"""The list of features: each with its formula, meaning and cut-off, declared here and nowhere else."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from closecast.features import calendar


@dataclass(frozen=True)
class Moments:
    """What a feature may look at, one entry for each (deal, as-of date, horizon), all of shape (n,)."""

    engage_dates: NDArray[np.datetime64]  # datetime64[D]
    as_of: NDArray[np.datetime64]  # datetime64[D]
    horizon_days: NDArray[np.int64]


@dataclass(frozen=True)
class Feature:
    """One column of the matrix: how it is computed, what it means, and the last moment whose facts may enter it."""

    name: str
    dtype: Literal["int64", "float64"]
    formula: str
    meaning: str
    cut_off: str
    compute: Callable[[Moments], NDArray[np.int64] | NDArray[np.float64]]
    monotone: Literal[-1, 0, 1] = 0  # how the probability may move with it; 1 = never down


FEATURES: tuple[Feature, ...] = (
    Feature(
        name="deal_age_days",
        dtype="int64",
        formula="as_of - engage_date",
        meaning="How long the deal has been open: deals close within two weeks or after two months or more.",
        cut_off="known from the engage date on",
        compute=lambda at: (at.as_of - at.engage_dates).astype(np.int64),
    ),
    Feature(
        name="days_to_month_end",
        dtype="int64",
        formula="last day of the as-of date's month - as_of",
        meaning="How far the month has gone.",
        cut_off="calendar: known at any time",
        compute=lambda at: calendar.days_to_month_end(at.as_of),
    ),
    Feature(
        name="days_to_quarter_end",
        dtype="int64",
        formula="last day of the as-of date's quarter - as_of",
        meaning="How far the quarter has gone: deals are won at its end far more often than lost.",
        cut_off="calendar: known at any time",
        compute=lambda at: calendar.days_to_quarter_end(at.as_of),
    ),
    Feature(
        name="month_of_quarter",
        dtype="int64",
        formula="1, 2 or 3, of the as-of date",
        meaning="Phase of the quarter.",
        cut_off="calendar: known at any time",
        compute=lambda at: calendar.month_of_quarter(at.as_of),
    ),
    Feature(
        name="horizon_days",
        dtype="int64",
        formula="days from the as-of date to the date asked about",
        meaning="How long the deal still has: more time never makes a win less likely.",
        cut_off="asked by the user",
        compute=lambda at: at.horizon_days,
        monotone=1,
    ),
)

NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
MONOTONE: tuple[int, ...] = tuple(feature.monotone for feature in FEATURES)
