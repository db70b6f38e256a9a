"""Plans what may be learnt from, fits the booster on it, and finds its rounds and calibration on later folds."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from itertools import pairwise

import lightgbm
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecast.deals.snapshots import (
    DEFAULT_HORIZONS,
    Snapshots,
    data_end,
    training_rows,
    weekly_as_of_dates,
)
from closecast.features import NAMES, WIN_CHANCE, FeatureBuilder, History, Subjects, log_odds
from closecast.features.calendar import CALENDAR_YEAR, FiscalCalendar
from closecast.features.horizon import Horizon
from closecast.models.calibration import BetaCalibration
from closecast.models.hyperparameters import MAX_ROUNDS, PRESETS, Hyperparameters
from closecast.models.metrics import paired_difference

_HELD_OUT_SHARE = 0.4
_ONE_DAY = timedelta(days=1)
_LAST_WEEK = timedelta(days=7)
_WARM_UP = timedelta(days=28)  # the first weeks have no history yet to learn the use of history from
_FOLDS = 3
_MINIMUM_FOLD_ROWS = 200
MAX_TRAINING_ROWS = 2_000_000
_REPETITIONS = 400  # of the bootstrap that chooses between presets


class NotEnoughDataError(ValueError):
    """The export is too short or too small to learn from and be measured on."""


@dataclass(frozen=True)
class Plan:
    """How an export is divided in time: as-of dates from `first` on, held out from `cut` on, nothing known after `end`."""

    first: date
    cut: date
    end: date


def plan(deals: pd.DataFrame, cut: date | None = None) -> Plan:
    """As-of dates from the first close on (earlier ones would see no deal close), cut at the month nearest to 60 %.

    Raises NotEnoughDataError when no deal is closed, the closes span less than four weeks, or `cut` is outside of them.
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
    if cut is not None and not first < cut < end:
        raise NotEnoughDataError(f"the cut {cut} is not between the first close on {first} and the last date, {end}")
    ideal = first + (end - first) * (1 - _HELD_OUT_SHARE)
    this_month = ideal.replace(day=1)
    next_month = (this_month + timedelta(days=31)).replace(day=1)
    nearest = min((this_month, next_month), key=lambda month: abs(month - ideal))
    return Plan(first, nearest if cut is None else cut, end)


class Data:
    """The engaged deals of one export, how they are divided in time, and their feature values."""

    def __init__(self, deals: pd.DataFrame, cut: date | None = None, fiscal: FiscalCalendar = CALENDAR_YEAR) -> None:
        """`deals` are accepted deals (closecast.deals.contract), quarters those of `fiscal`. Raises NotEnoughDataError."""
        self.plan, self.fiscal = plan(deals, cut), fiscal
        self.deals = deals[deals["engage_date"].notna()].reset_index(drop=True)
        self.builder = FeatureBuilder(History(self.deals, self.plan.end, fiscal))

    @cached_property
    def subjects(self) -> Subjects:
        """The deals in the history's codes."""
        return self.builder.history.subjects(self.deals)

    def rows(
        self,
        horizons: tuple[Horizon, ...] = DEFAULT_HORIZONS,
        seen_from: date | None = None,
        known_before: date | None = None,
        most: int | None = None,
    ) -> Snapshots:
        """Weekly labelled rows of the whole span. The last as-of date still has a full week after it.

        With `seen_from`, of as-of dates on or after it; with `known_before`, those whose label window ended before it:
        what could have been learnt from by then (the embargo). `most` as of training_rows.
        """
        dates = weekly_as_of_dates(self.plan.first, self.plan.end - _LAST_WEEK)
        if seen_from is not None:
            dates = dates[dates >= np.datetime64(seen_from, "D")]
        end = self.plan.end if known_before is None else min(self.plan.end, known_before - _ONE_DAY)
        return training_rows(self.deals, dates, horizons, end, self.fiscal, most)

    def learnable(self, before: date | None = None) -> Snapshots:
        """Rows of all horizons to learn from: after the warm-up, labels known before `before` (all, unless given).

        Above MAX_TRAINING_ROWS, those of deals drawn evenly: snapshots of more deals say more than more of each.
        """
        begin = self.plan.first + min(_WARM_UP, ((before or self.plan.end) - self.plan.first) / 4)
        return self.rows(seen_from=begin, known_before=before, most=MAX_TRAINING_ROWS)

    def matrix(self, rows: Snapshots) -> NDArray[np.float64]:
        """Feature values of `rows`, (n, 23), float64."""
        return self.builder.matrix(self.subjects, rows.deal, rows.as_of, rows.horizon_days)


def start(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-odds that the booster starts from, (n,): those of the win chance that history alone gives."""
    return log_odds(matrix[:, WIN_CHANCE])


def sigmoid(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability of log-odds; shape kept."""
    return np.asarray(1 / (1 + np.exp(-odds)), dtype=np.float64)


def fit(
    matrix: NDArray[np.float64],
    won: NDArray[np.int8],
    settings: Hyperparameters,
    rounds: int,
    seed: int,
    threads: int,
) -> lightgbm.Booster:
    """A booster that corrects `start`. The same rows, settings and seed give the same file, whatever the threads."""
    return lightgbm.train(settings.lightgbm(len(won), seed, threads), _dataset(matrix, won), rounds)


def _dataset(matrix: NDArray[np.float64], won: NDArray[np.int8]) -> lightgbm.Dataset:
    return lightgbm.Dataset(
        matrix,
        label=won.astype(np.float64),
        init_score=start(matrix),
        feature_name=list(NAMES),
        free_raw_data=False,
    )


@dataclass(frozen=True)
class Fold:
    """Rows to fit on, and later rows to judge by; no label of the first was still open when the second begin."""

    train: NDArray[np.int64]
    judge: NDArray[np.int64]


def forward_folds(rows: Snapshots, before: date) -> tuple[Fold, ...]:
    """Up to three folds of `rows`, each judged on as-of dates after all that it may learn from (embargo: the horizon).

    The last 60 % of the span up to `before` are divided evenly among them. A fold too small to say anything is left
    out; there may be none.
    """
    if not len(rows):
        return ()
    first, last = rows.as_of.min(), np.datetime64(before, "D")
    span = int((last - first).astype(np.int64))
    edges = [first + np.timedelta64(int(span * share), "D") for share in np.linspace(0.4, 1.0, _FOLDS + 1)]
    ends = rows.window_ends()
    folds = []
    for begin, end in pairwise(edges):
        train = np.flatnonzero(ends < begin)
        judge = np.flatnonzero((rows.as_of >= begin) & (rows.as_of < end))
        if all(_says_something(rows.won[part]) for part in (train, judge)):
            folds.append(Fold(train, judge))
    return tuple(folds)


def _says_something(won: NDArray[np.int8]) -> bool:
    return len(won) >= _MINIMUM_FOLD_ROWS and 20 <= int(won.sum()) <= len(won) - 20


def fold_curve(
    matrix: NDArray[np.float64],
    won: NDArray[np.int8],
    fold: Fold,
    settings: Hyperparameters,
    seed: int,
    threads: int,
) -> tuple[lightgbm.Booster, NDArray[np.float64]]:
    """The fold's booster, and its log loss on the judged rows after 1, 2, … MAX_ROUNDS rounds, (MAX_ROUNDS,)."""
    train = _dataset(matrix[fold.train], won[fold.train])
    judge = lightgbm.Dataset(
        matrix[fold.judge],
        label=won[fold.judge].astype(np.float64),
        init_score=start(matrix[fold.judge]),
        reference=train,
    )
    curve: dict[str, dict[str, list[float]]] = {}
    booster = lightgbm.train(
        {**settings.lightgbm(len(fold.train), seed, threads), "metric": "binary_logloss"},
        train,
        MAX_ROUNDS,
        valid_sets=[judge],
        valid_names=["judge"],
        callbacks=[lightgbm.record_evaluation(curve)],
    )
    return booster, np.array(curve["judge"]["binary_logloss"])


@dataclass(frozen=True)
class Schedule:
    """What forward chaining found: which settings, how many rounds and which calibration, and the log loss on later rows."""

    settings: Hyperparameters
    rounds: int
    calibration: BetaCalibration
    log_loss: float | None  # None when the span was too short for any fold
    folds: int


def schedule(
    matrix: NDArray[np.float64],
    rows: Snapshots,
    before: date,
    settings: Hyperparameters | None,
    seed: int,
    threads: int,
) -> Schedule:
    """Rounds with the least log loss over the forward folds of `rows`, and the map that calibrates those predictions.

    Each prediction that the map is fitted on comes from trees that learnt from earlier rows only, and counts for the
    share of `rows` that they learnt from: the less of them, the less their errors are those of the trees that serve.
    Without `settings`, the first of PRESETS is taken, or another whose predictions are better with an interval clear of
    zero.
    """
    folds = forward_folds(rows, before)
    tried = PRESETS if settings is None else (settings,)
    if not folds:
        return Schedule(tried[0], MAX_ROUNDS // 6, BetaCalibration(), None, 0)
    judged = np.concatenate([fold.judge for fold in folds])
    won, deal = rows.won[judged], rows.deal[judged]
    best = _chained(matrix, rows.won, folds, tried[0], seed, threads)
    for other in (_chained(matrix, rows.won, folds, one, seed, threads) for one in tried[1:]):
        if paired_difference(won, other.predicted, best.predicted, deal, _REPETITIONS).high < 0:
            best = other
    knew = np.concatenate([np.full(len(fold.judge), len(fold.train) / len(rows)) for fold in folds])
    calibration = BetaCalibration.fit(best.predicted, won, deal, knew)
    return Schedule(best.settings, best.rounds, calibration, best.log_loss, len(folds))


@dataclass(frozen=True)
class _Chained:
    """What one setting says of all judged rows, each from trees that learnt from earlier rows only, (n,)."""

    settings: Hyperparameters
    rounds: int
    log_loss: float
    predicted: NDArray[np.float64]


def _chained(
    matrix: NDArray[np.float64],
    won: NDArray[np.int8],
    folds: tuple[Fold, ...],
    settings: Hyperparameters,
    seed: int,
    threads: int,
) -> _Chained:
    fitted = [fold_curve(matrix, won, fold, settings, seed, threads) for fold in folds]
    sizes = np.array([len(fold.judge) for fold in folds])
    mean = np.average([curve for _, curve in fitted], axis=0, weights=sizes)
    rounds = int(np.argmin(mean)) + 1
    predicted = np.concatenate(
        [
            sigmoid(_raw(booster, matrix[fold.judge], rounds) + start(matrix[fold.judge]))
            for (booster, _), fold in zip(fitted, folds, strict=True)
        ]
    )
    return _Chained(settings, rounds, float(mean[rounds - 1]), predicted)


def _raw(booster: lightgbm.Booster, matrix: NDArray[np.float64], rounds: int) -> NDArray[np.float64]:
    return np.asarray(booster.predict(matrix, raw_score=True, num_iteration=rounds), dtype=np.float64)
