"""How good predicted probabilities are, each measure with an interval from resampling whole deals.

Snapshots of one deal share its fate: resampling rows would count the same evidence many times (Davison and Hinkley,
Bootstrap Methods and their Application, 1997, section 3.8: resample the clusters).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Probabilities = NDArray[np.float64]
Labels = NDArray[np.int8]
MEASURES = ("log_loss", "brier", "brier_skill", "auc", "average_precision", "ece")
BINS = 10
LEVEL = 0.95
_EDGE = 1e-7
_CELLS = 4_000_000  # weights held in memory at once
INTERVAL_ROWS = 250_000
INTERVAL_DEALS = 20_000


@dataclass(frozen=True)
class Measured:
    """A value and its 95 % interval by bootstrap over deals."""

    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        return {"value": self.value, "low": self.low, "high": self.high}


def losses(won: Labels, predicted: Probabilities) -> Probabilities:
    """Log loss of each row, (n,), natural logarithm; predictions are held 1e-7 away from 0 and 1."""
    held = np.clip(predicted, _EDGE, 1 - _EDGE)
    return np.asarray(-np.where(won == 1, np.log(held), np.log1p(-held)), dtype=np.float64)


def scores(won: Labels, predicted: Probabilities) -> dict[str, float]:
    """MEASURES of `predicted`, both (n,). Brier skill is beside the share won; ECE has ten bins of equal count.

    A measure that needs both outcomes is NaN when only one is there.
    """
    found = _Ranked(won, predicted).scores(np.ones((1, len(won))))
    return {name: float(values[0]) for name, values in found.items()}


def with_intervals(
    won: Labels, predicted: Probabilities, deal: NDArray[np.int64], repetitions: int = 100, seed: int = 0
) -> dict[str, Measured]:
    """MEASURES with intervals, resampled by `deal`, (n,). Above INTERVAL_ROWS rows, intervals are those of a sample of
    the deals, narrowed by the root of the share sampled."""
    values = scores(won, predicted)
    sampled, share = _sample(deal, seed)
    ranked = _Ranked(won[sampled], predicted[sampled])
    parts = [ranked.scores(weights) for weights in _row_weights(deal[sampled], repetitions, seed)]
    measured = {}
    for name, value in values.items():
        drawn = np.concatenate([part[name] for part in parts])
        centre = np.nanmean(drawn) if np.isfinite(drawn).any() else np.nan
        low, high = _interval(value + (drawn - centre) * np.sqrt(share))
        measured[name] = Measured(value, low, high)
    return measured


def paired_difference(
    won: Labels,
    ours: Probabilities,
    theirs: Probabilities,
    deal: NDArray[np.int64],
    repetitions: int = 2_000,
    seed: int = 0,
) -> Measured:
    """Mean log loss of `ours` minus that of `theirs` on the same rows, resampled by deal: below 0, ours is better.

    Above INTERVAL_DEALS deals, the interval is that of a sample of them, narrowed by the root of the share sampled.
    """
    codes = np.unique(deal, return_inverse=True)[1]
    rows = np.bincount(codes).astype(np.float64)
    sums = np.bincount(codes, weights=losses(won, ours) - losses(won, theirs))
    value = float(sums.sum() / rows.sum())
    share = min(1.0, INTERVAL_DEALS / len(rows))
    if share < 1:
        sampled = np.random.default_rng(seed).random(len(rows)) < share
        rows, sums = rows[sampled], sums[sampled]
    parts = [(weights @ sums) / (weights @ rows) for weights in _deal_weights(len(rows), repetitions, len(rows), seed)]
    drawn = np.concatenate(parts)
    if share < 1:
        drawn = value + (drawn - drawn.mean()) * np.sqrt(share)
    low, high = _interval(drawn)
    return Measured(value, low, high)


def reliability(won: Labels, predicted: Probabilities, bins: int = BINS) -> list[dict[str, float]]:
    """The reliability curve: mean prediction, share won and rows of each of `bins` bins of equal count."""
    code = _bin_of(predicted, bins)
    return [
        {
            "predicted": float(predicted[code == one].mean()),
            "won": float(won[code == one].mean()),
            "rows": int((code == one).sum()),
        }
        for one in np.unique(code)
    ]


class _Ranked:
    """Labels and predictions in the order of the predictions, to be weighted again and again."""

    def __init__(self, won: Labels, predicted: Probabilities) -> None:
        self._order = np.argsort(predicted, kind="stable")
        self._p = predicted[self._order]
        self._y = won[self._order].astype(np.float64)
        self._loss = losses(won, predicted)[self._order]
        self._starts = np.concatenate([[0], np.flatnonzero(np.diff(self._p)) + 1]) if len(self._p) else np.array([0])
        self._bins = np.eye(BINS)[_bin_of(self._p, BINS)]

    def scores(self, weights: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """MEASURES for each row of `weights`, (r, n)."""
        weights = weights[:, self._order]
        total = weights.sum(axis=1)
        won = weights @ self._y
        lost = total - won
        brier = (weights @ (self._p - self._y) ** 2) / total
        rate = won / total
        # Equal predictions stand together: half of the pairs within a group count, and precision is taken at its end.
        group_won = np.add.reduceat(weights * self._y, self._starts, axis=1)
        group_all = np.add.reduceat(weights, self._starts, axis=1)
        group_lost = group_all - group_won
        below = np.cumsum(group_lost, axis=1) - group_lost
        above_won = np.cumsum(group_won[:, ::-1], axis=1)
        above_all = np.cumsum(group_all[:, ::-1], axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            auc = (group_won * (below + group_lost / 2)).sum(axis=1) / (won * lost)
            precision = np.where(above_all > 0, above_won / above_all, 0.0)
            average = (group_won[:, ::-1] * precision).sum(axis=1) / won
            skill = 1 - brier / (rate * (1 - rate))
        gaps = np.abs((weights * (self._p - self._y)) @ self._bins).sum(axis=1)
        return {
            "log_loss": (weights @ self._loss) / total,
            "brier": brier,
            "brier_skill": skill,
            "auc": auc,
            "average_precision": average,
            "ece": gaps / total,
        }


def _bin_of(predicted: Probabilities, bins: int) -> NDArray[np.int64]:
    edges = np.quantile(predicted, np.linspace(0, 1, bins + 1)[1:-1]) if len(predicted) else np.zeros(0)
    return np.searchsorted(edges, predicted, side="right").astype(np.int64)


def _sample(deal: NDArray[np.int64], seed: int) -> tuple[NDArray[np.int64], float]:
    share = min(1.0, INTERVAL_ROWS / max(1, len(deal)))
    if share == 1.0:
        return np.arange(len(deal)), 1.0
    chosen = np.random.default_rng(seed).random(int(deal.max()) + 1) < share
    return np.flatnonzero(chosen[deal]), share


def _row_weights(deal: NDArray[np.int64], repetitions: int, seed: int) -> Iterator[NDArray[np.float64]]:
    codes = np.unique(deal, return_inverse=True)[1]
    for weights in _deal_weights(int(codes.max()) + 1, repetitions, len(deal), seed):
        yield weights[:, codes]


def _deal_weights(deals: int, repetitions: int, width: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """How often each deal was drawn, (r, deals), in portions whose rows would not outgrow memory."""
    random = np.random.default_rng(seed)
    portion = max(1, _CELLS // max(1, width))
    even = np.full(deals, 1 / deals)
    for first in range(0, repetitions, portion):
        size = min(portion, repetitions - first)
        yield random.multinomial(deals, even, size=size).astype(np.float64)


def _interval(drawn: NDArray[np.float64]) -> tuple[float, float]:
    if not np.isfinite(drawn).any():
        return float("nan"), float("nan")
    low, high = np.nanquantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
