"""Measures a booster on as-of dates after everything it learnt from, beside references that any model must beat."""

from dataclasses import dataclass

import lightgbm
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from closecast import features
from closecast.deals.snapshots import Snapshots
from closecast.features.calendar import month_of_quarter
from closecast.features.horizon import QUARTER_END, Horizon
from closecast.models.training import NotEnoughDataError, Plan

TARGETS: dict[str, Horizon] = {"30_days": 30, "quarter_end": QUARTER_END}
MINIMUM_ROWS = 200
MINIMUM_OF_EACH = 20  # rows won, and rows not won: fewer measure nothing
_AGE_EDGES = np.array([3, 7, 14, 21, 30, 45, 60, 75, 90, 105, 120, 139])
_PRIOR_ROWS = 100.0  # a cell of the table counts this many rows of the base rate

Probabilities = NDArray[np.float64]


@dataclass(frozen=True)
class Split:
    """One target: rows whose label was known before the cut, and rows with as-of dates from the cut on."""

    target: str
    train: Snapshots
    test: Snapshots


def splits(deals: pd.DataFrame, plan: Plan) -> tuple[Split, ...]:
    """One split for each of TARGETS. Raises NotEnoughDataError naming the counts that are too small."""
    made = []
    for target, horizon in TARGETS.items():
        rows = plan.rows(deals, (horizon,))
        made.append(Split(target, rows.known_before(plan.cut), rows.seen_from(plan.cut)))
    short = [
        f"{target} {part}: {len(rows)} rows, {int(rows.won.sum())} won"
        for target, part, rows in (
            (split.target, part, rows)
            for split in made
            for part, rows in (("train", split.train), ("test", split.test))
        )
        if len(rows) < MINIMUM_ROWS or not MINIMUM_OF_EACH <= int(rows.won.sum()) <= len(rows) - MINIMUM_OF_EACH
    ]
    if short:
        raise NotEnoughDataError(
            f"not enough data to learn from and be measured on, with {len(deals)} deals from {plan.first} to {plan.end} "
            f"cut at {plan.cut}: {'; '.join(short)}; each needs {MINIMUM_ROWS} rows or more, {MINIMUM_OF_EACH} or more "
            f"of them won and {MINIMUM_OF_EACH} or more not"
        )
    return tuple(made)


def measure(booster: lightgbm.Booster, held_out: tuple[Split, ...]) -> dict[str, float]:
    """`log_loss_<target>`, `brier_…`, `auc_…` and `mean_prediction_…` of the booster on each split's test rows."""
    metrics: dict[str, float] = {}
    for split in held_out:
        rows = split.test
        matrix = features.matrix(rows.engage_dates, rows.as_of, rows.horizon_days)
        predicted = np.asarray(booster.predict(matrix), dtype=np.float64)
        metrics |= _scores(rows.won, predicted, split.target)
        metrics[f"mean_prediction_{split.target}"] = float(predicted.mean())
    return metrics


def references(held_out: tuple[Split, ...]) -> dict[str, float]:
    """The same metrics for two models without a model, each fitted on the training rows.

    `base_rate_…`: the share won, for every row. `age_table_…`: the share won by deal age and month of the quarter.
    Beside them the counts and shares themselves: `rows_train_…`, `rows_test_…`, `share_won_train_…`, `share_won_test_…`.
    """
    metrics: dict[str, float] = {}
    for split in held_out:
        base = np.full(len(split.test), split.train.won.mean())
        for name, predicted in (("base_rate", base), ("age_table", _age_table(split))):
            metrics |= {
                f"{name}_{key}": value for key, value in _scores(split.test.won, predicted, split.target).items()
            }
        for part, rows in (("train", split.train), ("test", split.test)):
            metrics[f"rows_{part}_{split.target}"] = float(len(rows))
            metrics[f"share_won_{part}_{split.target}"] = float(rows.won.mean())
    return metrics


def _scores(won: NDArray[np.int8], predicted: Probabilities, target: str) -> dict[str, float]:
    return {
        f"log_loss_{target}": float(log_loss(won, predicted, labels=[0, 1])),
        f"brier_{target}": float(brier_score_loss(won, predicted)),
        f"auc_{target}": float(roc_auc_score(won, predicted)),
    }


def _age_table(split: Split) -> Probabilities:
    cells = (len(_AGE_EDGES) + 1) * 3
    train = _cell(split.train)
    rows = np.bincount(train, minlength=cells)
    won = np.bincount(train, weights=split.train.won, minlength=cells)
    table = (won + _PRIOR_ROWS * split.train.won.mean()) / (rows + _PRIOR_ROWS)
    return np.asarray(table[_cell(split.test)], dtype=np.float64)


def _cell(rows: Snapshots) -> NDArray[np.int64]:
    age = (rows.as_of - rows.engage_dates).astype(np.int64)
    return np.asarray(np.searchsorted(_AGE_EDGES, age, side="right") * 3 + month_of_quarter(rows.as_of) - 1)
