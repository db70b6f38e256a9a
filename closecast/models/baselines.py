"""Baselines that a model is measured against: from the base rate to LightGBM with its defaults."""

from collections.abc import Callable
from functools import cached_property

import lightgbm
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from closecast.deals.snapshots import Snapshots
from closecast.features import NAMES

Matrix = NDArray[np.float64]
Probabilities = NDArray[np.float64]
AGE_CALENDAR = "age_calendar"
_AGE_EDGES = np.array([3, 7, 14, 21, 30, 45, 60, 75, 90, 105, 120, 139])
_PRIOR_ROWS = 100.0  # pseudo-count: rows at the base rate that each cell of the table gets
AGE_AND_CALENDAR = [
    NAMES.index(name) for name in ("deal_age_days", "days_to_month_end", "days_to_quarter_end", "month_of_quarter")
]
# The reference model of the first measurements on the real data.
REFERENCE = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 200,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}
REFERENCE_ROUNDS = 150
_LIBRARY = {"objective": "binary", "deterministic": True, "force_row_wise": True, "verbose": -1}


class RowSet:
    """Rows of one target with their features, for training or testing."""

    def __init__(self, rows: Snapshots, features: Callable[[Snapshots], Matrix]) -> None:
        self.rows, self._features = rows, features

    @cached_property
    def matrix(self) -> Matrix:
        """Feature values of the rows, (n, len(NAMES)), float64; built on first access."""
        return self._features(self.rows)


Baseline = Callable[[RowSet, RowSet, int, int], Probabilities]


def base_rate(train: RowSet, test: RowSet, _seed: int, _threads: int) -> Probabilities:
    """The share won in training, for every row."""
    return np.full(len(test.rows), train.rows.won.mean())


def age_table(train: RowSet, test: RowSet, _seed: int, _threads: int) -> Probabilities:
    """The share won by deal age and month of the quarter."""
    cells = (len(_AGE_EDGES) + 1) * 3
    known = _cell(train)
    rows = np.bincount(known, minlength=cells)
    won = np.bincount(known, weights=train.rows.won, minlength=cells)
    table = (won + _PRIOR_ROWS * train.rows.won.mean()) / (rows + _PRIOR_ROWS)
    return np.asarray(table[_cell(test)], dtype=np.float64)


def logistic(train: RowSet, test: RowSet, _seed: int, _threads: int) -> Probabilities:
    """Logistic regression on all features, standardised."""
    # Few, correlated features: four steps of Newton's method reach what takes L-BFGS a hundred.
    model = make_pipeline(StandardScaler(), LogisticRegression(solver="newton-cholesky"))
    model.fit(train.matrix, train.rows.won)
    return np.asarray(model.predict_proba(test.matrix)[:, 1], dtype=np.float64)


def age_calendar(train: RowSet, test: RowSet, seed: int, threads: int) -> Probabilities:
    """LightGBM with deal age and calendar position only: the reference."""
    data = lightgbm.Dataset(train.matrix[:, AGE_AND_CALENDAR], label=train.rows.won)
    booster = lightgbm.train({**REFERENCE, "seed": seed, "num_threads": threads}, data, REFERENCE_ROUNDS)
    # Deals engaged on the same day have the same features on any other day: predict each such pair once.
    day, engaged = (dates.astype(np.int64) for dates in (test.rows.as_of, test.rows.engage_dates))
    _, first, alike = np.unique(day * 1_000_000 + engaged, return_index=True, return_inverse=True)
    answers = np.asarray(booster.predict(test.matrix[first][:, AGE_AND_CALENDAR]), dtype=np.float64)
    return answers[alike]


def lightgbm_default(train: RowSet, test: RowSet, seed: int, threads: int) -> Probabilities:
    """LightGBM with its own default settings on all features."""
    data = lightgbm.Dataset(train.matrix, label=train.rows.won)
    booster = lightgbm.train({**_LIBRARY, "seed": seed, "num_threads": threads}, data)
    return np.asarray(booster.predict(test.matrix), dtype=np.float64)


BASELINES: dict[str, Baseline] = {
    "base_rate": base_rate,
    "age_table": age_table,
    "logistic": logistic,
    AGE_CALENDAR: age_calendar,
    "lightgbm_default": lightgbm_default,
}


def _cell(part: RowSet) -> NDArray[np.int64]:
    age = (part.rows.as_of - part.rows.engage_dates).astype(np.int64)
    month = part.matrix[:, NAMES.index("month_of_quarter")].astype(np.int64)
    return np.asarray(np.searchsorted(_AGE_EDGES, age, side="right") * 3 + month - 1)
