"""Fits the booster, and plans what it may learn from: first as-of date, cut and end, out of the data's own dates."""

from dataclasses import dataclass
from datetime import date, timedelta

import lightgbm
import numpy as np
import pandas as pd

from closecast import features
from closecast.deals.snapshots import (
    DEFAULT_HORIZONS,
    Snapshots,
    data_end,
    training_rows,
    weekly_as_of_dates,
)
from closecast.features.horizon import Horizon

# Chosen for the kind of data (few features, many correlated snapshots), not tuned: neighbouring settings move the
# held-out log loss of the real file by less than 0.005. No bagging and no feature sampling: the seed hardly matters.
PARAMETERS: dict[str, object] = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 200,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}
ROUNDS = 150
_HELD_OUT_SHARE = 0.4
_LAST_WEEK = timedelta(days=7)


class NotEnoughDataError(ValueError):
    """The export is too short or too small to learn from and be measured on."""


@dataclass(frozen=True)
class Plan:
    """How an export is divided in time: as-of dates from `first` on, held out from `cut` on, nothing known after `end`."""

    first: date
    cut: date
    end: date

    def rows(self, deals: pd.DataFrame, horizons: tuple[Horizon, ...] = DEFAULT_HORIZONS) -> Snapshots:
        """Weekly labelled rows of the whole span. The last as-of date still has a full week after it."""
        return training_rows(deals, weekly_as_of_dates(self.first, self.end - _LAST_WEEK), horizons, self.end)


def plan(deals: pd.DataFrame) -> Plan:
    """As-of dates from the first close on (earlier ones would see no deal close), cut at the month nearest to 60 %.

    Raises NotEnoughDataError when no deal is closed or the closes span less than four weeks.
    """
    closes = deals["close_date"].dropna()
    if closes.empty:
        raise NotEnoughDataError(f"none of the {len(deals)} deals is closed; a model learns from deals Won and Lost")
    first, end = pd.Timestamp(closes.min()).date(), data_end(deals)
    if end - first < 4 * _LAST_WEEK:
        raise NotEnoughDataError(
            f"the export runs from its first close on {first} to {end}, {(end - first).days} days; needed are 28 "
            "or more, and about six months for both targets"
        )
    ideal = first + (end - first) * (1 - _HELD_OUT_SHARE)
    this_month = ideal.replace(day=1)
    next_month = (this_month + timedelta(days=31)).replace(day=1)
    return Plan(first, min((this_month, next_month), key=lambda month: abs(month - ideal)), end)


def fit(rows: Snapshots, seed: int, threads: int) -> lightgbm.Booster:
    """A booster for P(won within the horizon), never falling with the horizon. The same rows and seed give the same."""
    data = lightgbm.Dataset(
        features.matrix(rows.engage_dates, rows.as_of, rows.horizon_days),
        label=rows.won.astype(np.float64),
        feature_name=list(features.NAMES),
        free_raw_data=True,
    )
    parameters = {**PARAMETERS, "seed": seed, "num_threads": threads, "monotone_constraints": list(features.MONOTONE)}
    return lightgbm.train(parameters, data, ROUNDS)
