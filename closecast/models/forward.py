"""Choose settings, rounds and calibration by forward chaining: fit on earlier rows, validate on later ones."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from math import ceil, log
from typing import Any, TypeVar

import lightgbm
import numpy as np
from numpy.typing import NDArray

from closecast.deals.snapshots import Snapshots
from closecast.features import WIN_CHANCE
from closecast.models.calibration import BetaCalibration
from closecast.models.hyperparameters import MAX_ROUNDS, PRESETS, Hyperparameters
from closecast.models.metrics import sigmoid
from closecast.models.start import Start
from closecast.models.training import training_set

T = TypeVar("T")
_FOLDS = 3
_MINIMUM_FOLD_ROWS = 200
_MOST_MORE = 2.0  # rounds of the final booster, relative to those of the folds


@dataclass(frozen=True)
class Fold:
    """Positions of the rows to fit on, and of later rows to validate on.

    Every label window of the first ends before the second begin.
    """

    train: NDArray[np.int64]
    validation: NDArray[np.int64]


def forward_folds(rows: Snapshots, before: date) -> tuple[Fold, ...]:
    """Up to three folds of `rows`, each validated on as-of dates after those it fits on (embargo: the horizon).

    The last 60 % of the span up to `before` are divided evenly among them. A fold with too few rows is left
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
        validation = np.flatnonzero((rows.as_of >= begin) & (rows.as_of < end))
        if all(_is_large_enough(rows.won[part]) for part in (train, validation)):
            folds.append(Fold(train, validation))
    return tuple(folds)


def _is_large_enough(won: NDArray[np.int8]) -> bool:
    return len(won) >= _MINIMUM_FOLD_ROWS and 20 <= int(won.sum()) <= len(won) - 20


class Folds:
    """The folds of labelled rows, binned for LightGBM once for all settings that are tried.

    The bins of a fold come from the rows that it fits on, so that they contain nothing of later ones.
    """

    def __init__(
        self, matrix: NDArray[np.float64], won: NDArray[np.int8], folds: tuple[Fold, ...], seed: int, threads: int
    ) -> None:
        """`matrix` are feature values, (n, len(NAMES)), and `won` labels, (n,), of the rows that `folds` name."""
        self.matrix, self.won, self.folds, self.seed = matrix, won, folds, seed
        self.sizes = np.array([len(fold.validation) for fold in folds])
        # Folds in parallel, each on its own processor, don't wait for each other; threads of one fit do at every split,
        # and for long when other processes use the processors.
        self._beside = min(threads, len(folds))
        self.threads = threads // self._beside  # of each fold
        self.binned = self.each(self._binned, range(len(folds)))

    def each(self, work: Callable[[int], T], which: Iterable[int]) -> list[T]:
        """Results of `work` for each fold of `which`, run in parallel threads."""
        with ThreadPoolExecutor(self._beside) as pool:
            return list(pool.map(work, which))

    def parameters(self, fold: int, settings: Hyperparameters) -> dict[str, Any]:
        """LightGBM's parameters for a booster of `settings` on the fold."""
        rows = len(self.folds[fold].train)
        return {**settings.lightgbm(rows, self.seed, self.threads), "metric": "binary_logloss"}

    def _binned(self, number: int) -> tuple[lightgbm.Dataset, lightgbm.Dataset]:
        fold, parameters = self.folds[number], self.parameters(number, PRESETS[0])
        train = training_set(self.matrix[fold.train], self.won[fold.train], parameters, Start()).construct()
        validation = training_set(
            self.matrix[fold.validation], self.won[fold.validation], parameters, Start(), train
        ).construct()
        return train, validation

    def booster(self, fold: int, settings: Hyperparameters) -> tuple[lightgbm.Booster, Start]:
        """A booster of `settings` without rounds yet, validated on the fold's later rows, and the start it corrects."""
        rows = self.folds[fold]
        start = Start.fit(self.matrix[rows.train, WIN_CHANCE], self.won[rows.train], settings.recalibration)
        # The binned rows are shared, but a booster takes its initial scores over when it is made.
        for binned, part in zip(self.binned[fold], (rows.train, rows.validation), strict=True):
            binned.set_init_score(start.odds(self.matrix[part, WIN_CHANCE]))
        train, validation = self.binned[fold]
        return lightgbm.Booster(self.parameters(fold, settings), train).add_valid(validation, "validation"), start

    def validation_rows(self) -> NDArray[np.int64]:
        """Positions of the validation rows of all folds, fold after fold, (n,)."""
        return np.concatenate([fold.validation for fold in self.folds])


class FoldBoosters:
    """Boosters of one setting, one per fold, and their log loss on the validation rows after 1, 2, 3, … rounds.

    A round is fitted when its loss is first needed.
    """

    def __init__(self, folds: Folds, settings: Hyperparameters) -> None:
        self.settings, self._folds = settings, folds
        # Early stopping: this many steps go half of the way to their target; if they bring nothing, more hardly will.
        self.patience = ceil(log(2) / settings.learning_rate)
        self._losses: list[list[float]] = [[] for _ in folds.folds]
        made = [folds.booster(number, settings) for number in range(len(folds.folds))]
        self._boosters, self._starts = [booster for booster, _ in made], [start for _, start in made]

    def losses(self, rounds: int, folds: int | None = None) -> NDArray[np.float64]:
        """Mean validation log loss of the first `folds` folds (default: all) after 1, 2, … `rounds` rounds, (rounds,)."""
        which = range(len(self._losses))[:folds]
        # The last folds have the most rows: they start first, so that none runs alone at the end.
        self._folds.each(lambda number: self._advance(number, rounds), reversed(which))
        curves = [self._losses[number][:rounds] for number in which]
        return np.asarray(np.average(curves, axis=0, weights=self._folds.sizes[:folds]), dtype=np.float64)

    def _advance(self, number: int, rounds: int) -> None:
        booster, losses = self._boosters[number], self._losses[number]
        while len(losses) < rounds:
            booster.update()
            losses.append(booster.eval_valid()[0][2])

    @property
    def fitted(self) -> tuple[int, ...]:
        """How many rounds the booster of each fold has, (folds,)."""
        return tuple(len(losses) for losses in self._losses)

    def best(self, folds: int | None = None) -> tuple[int, float]:
        """The rounds, MAX_ROUNDS at most, with the least log loss over the first `folds` folds, and that loss.

        The search ends after `patience` rounds without a lower mean. It is the mean that counts, because the loss of a
        single fold goes up and down with the weeks that it is validated on.
        """
        needed = self.patience
        while True:
            losses = self.losses(needed, folds)
            rounds = int(np.argmin(losses)) + 1
            # The loss counts as no longer falling only after this many rounds.
            enough = min(rounds + self.patience, MAX_ROUNDS)
            if needed >= enough:
                return rounds, float(losses[rounds - 1])
            needed = enough

    def beats(self, other: "FoldBoosters") -> bool:
        """Whether these have less log loss than `other` on each of two or more folds, each at its best rounds."""
        mine, theirs = ([losses[boosters.best()[0] - 1] for losses in boosters._losses] for boosters in (self, other))
        return len(mine) > 1 and all(one < another for one, another in zip(mine, theirs, strict=True))

    def predicted(self, rounds: int) -> NDArray[np.float64]:
        """Predicted probabilities of the validation rows after `rounds` rounds, in the order of Folds.validation_rows, (n,)."""

        def of(number: int) -> NDArray[np.float64]:
            matrix = self._folds.matrix[self._folds.folds[number].validation]
            raw = self._boosters[number].predict(matrix, raw_score=True, num_iteration=rounds)
            return sigmoid(np.asarray(raw, dtype=np.float64) + self._starts[number].odds(matrix[:, WIN_CHANCE]))

        return np.concatenate(self._folds.each(of, range(len(self._boosters))))


@dataclass(frozen=True)
class Schedule:
    """The result of forward chaining: settings, rounds, calibration, and the log loss on later rows."""

    settings: Hyperparameters
    rounds: int
    calibration: BetaCalibration
    log_loss: float | None  # None when the span was too short for any fold
    folds: int
    uses_history: bool = False  # whether the booster learnt from the deals' stage histories


def schedule(
    matrix: NDArray[np.float64],
    rows: Snapshots,
    before: date,
    tried: tuple[Hyperparameters, ...],
    seed: int,
    threads: int,
) -> Schedule:
    """Find the rounds with the least log loss over the forward folds of `rows`, and the calibration of those predictions.

    Each prediction that the calibration is fitted on comes from trees that learnt from earlier rows only, and is
    weighted by the share of `rows` that they learnt from: the smaller it is, the less their errors resemble those of
    the final trees. Where the start is recalibrated, the final trees, which learn from more rows, get more rounds in
    proportion, up to twice as many: they carry what the life table leaves to them. The first of `tried` is taken, or another
    that is better on every fold.
    """
    found = forward_folds(rows, before)
    if not found:
        return Schedule(tried[0], MAX_ROUNDS // 6, BetaCalibration(), None, 0)
    folds = Folds(matrix, rows.won, found, seed, threads)
    chosen = FoldBoosters(folds, tried[0])
    for other in (FoldBoosters(folds, one) for one in tried[1:]):
        # Settings that are behind after half of the way will not be better in the end.
        if other.losses(other.patience).min() < chosen.losses(chosen.patience).min() and other.beats(chosen):
            chosen = other
    best, log_loss = chosen.best()
    validated, learnt = folds.validation_rows(), np.array([len(fold.train) for fold in found])
    knew = np.repeat(learnt / len(rows), folds.sizes)
    calibration = BetaCalibration.fit(chosen.predicted(best), rows.won[validated], rows.deal[validated], knew)
    most = min(_MOST_MORE, len(rows) / float(np.average(learnt, weights=folds.sizes)))
    more = 1 + chosen.settings.recalibration * (most - 1)
    return Schedule(chosen.settings, round(best * more), calibration, log_loss, len(found))
