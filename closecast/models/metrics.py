"""Measures of predicted probabilities, each with an interval from a bootstrap over whole deals.

Snapshots of one deal share its fate: resampling rows would count the same evidence many times (Davison and Hinkley,
Bootstrap Methods and their Application, 1997, section 3.8: resample the clusters).
"""

from collections.abc import Iterator, Mapping
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


def sigmoid(odds: NDArray[np.float64]) -> Probabilities:
    """Probability of log-odds; shape kept."""
    return np.asarray(1 / (1 + np.exp(-odds)), dtype=np.float64)


def losses(won: Labels, predicted: Probabilities) -> Probabilities:
    """Log loss of each row, (n,), natural logarithm; predictions are clipped to 1e-7 from 0 and 1."""
    held = np.clip(predicted, _EDGE, 1 - _EDGE)
    return np.asarray(-np.where(won == 1, np.log(held), np.log1p(-held)), dtype=np.float64)


def scores(won: Labels, predicted: Probabilities) -> dict[str, float]:
    """MEASURES of `predicted`, both (n,).

    The reference of the Brier skill is the share won; ECE has ten bins of equal count.

    A measure that needs both outcomes is NaN when only one is there.
    """
    found = Ranked(won, predicted, np.zeros(len(won), dtype=np.int64)).scores(np.ones((1, 1), dtype=np.int32))
    return {name: float(values[0]) for name, values in found.items()}


def with_intervals(
    won: Labels, predicted: Probabilities, deal: NDArray[np.int64], repetitions: int = 100, seed: int = 0
) -> dict[str, Measured]:
    """MEASURES with intervals, resampled by `deal`, (n,).

    Above INTERVAL_ROWS rows, the intervals come from a sample of the deals, narrowed by the root of the share sampled.
    """
    return all_with_intervals(won, {"": predicted}, deal, repetitions, seed)[""]


def all_with_intervals(
    won: Labels,
    predictions: Mapping[str, Probabilities],
    deal: NDArray[np.int64],
    repetitions: int = 100,
    seed: int = 0,
) -> dict[str, dict[str, Measured]]:
    """`with_intervals` of each of `predictions`, by name; all use the same resampled deals."""
    sampled, share = _sample(deal, seed)
    deals, codes = _coded(deal[sampled])
    ranked = {name: Ranked(won[sampled], predicted[sampled], codes) for name, predicted in predictions.items()}
    drawn: dict[str, list[dict[str, NDArray[np.float64]]]] = {name: [] for name in predictions}
    for weights in _deal_weights(deals, repetitions, seed):
        for name, one in ranked.items():
            drawn[name].append(one.scores(weights))
    return {
        name: {
            measure: _measured(value, np.concatenate([part[measure] for part in drawn[name]]), share)
            for measure, value in scores(won, predicted).items()
        }
        for name, predicted in predictions.items()
    }


def _measured(value: float, drawn: NDArray[np.float64], share: float) -> Measured:
    centre = np.nanmean(drawn) if np.isfinite(drawn).any() else np.nan
    return Measured(value, *_interval(value + (drawn - centre) * np.sqrt(share)))


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
    return paired_differences(won, ours, {"theirs": theirs}, deal, repetitions, seed)["theirs"]


def paired_differences(
    won: Labels,
    ours: Probabilities,
    theirs: Mapping[str, Probabilities],
    deal: NDArray[np.int64],
    repetitions: int = 2_000,
    seed: int = 0,
) -> dict[str, Measured]:
    """`paired_difference` to each of `theirs`, by name; all use the same resampled deals, because resampling is slow."""
    count, codes = _coded(deal)
    rows = np.bincount(codes).astype(np.float64)
    mine = losses(won, ours)
    sums = np.column_stack([np.bincount(codes, weights=mine - losses(won, other)) for other in theirs.values()])
    values = sums.sum(axis=0) / rows.sum()
    share = min(1.0, INTERVAL_DEALS / count)
    if share < 1:
        sampled = np.random.default_rng(seed).random(count) < share
        rows, sums = rows[sampled], sums[sampled]
    parts = [(weights @ sums) / (weights @ rows)[:, None] for weights in _deal_weights(len(rows), repetitions, seed)]
    drawn = np.concatenate(parts)
    if share < 1:
        drawn = values + (drawn - drawn.mean(axis=0)) * np.sqrt(share)
    return {
        name: Measured(float(value), *_interval(column))
        for name, value, column in zip(theirs, values, drawn.T, strict=True)
    }


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


def gain(won: Labels, predicted: Probabilities, steps: int = 20) -> list[dict[str, float]]:
    """The gain curve: of the share of rows with the highest predictions, in `steps` equal steps, the share of all wins.

    Where rows tie, each is as likely as the others to come first. Empty without a win.
    """
    total = int(won.sum())
    if not total:
        return []
    values, place, counts = np.unique(-predicted, return_inverse=True, return_counts=True)
    wins = np.bincount(place, weights=won, minlength=len(values))
    rows = np.concatenate([[0], np.cumsum(counts)])
    found = np.concatenate([[0.0], np.cumsum(wins)])
    shares = np.arange(1, steps + 1) / steps
    # A straight line through a tie is its expected value.
    at = np.interp(shares * len(won), rows, found) / total
    return [{"share": float(share), "found": float(one)} for share, one in zip(shares, at, strict=True)]


class Ranked:
    """Labels and predictions sorted by prediction, for measuring repeatedly with new weights of the deals.

    `codes`, (n,), are the rows' deals: 0, 1, 2, …
    """

    def __init__(self, won: Labels, predicted: Probabilities, codes: NDArray[np.int64]) -> None:
        order = np.argsort(predicted, kind="stable")
        p, y = predicted[order], won[order].astype(np.float64)
        self._codes = codes[order]
        bins, gap = _bin_of(p, BINS), p - y
        deals = int(codes.max()) + 1 if len(codes) else 1
        sums = [
            np.bincount(self._codes, column, deals)
            for column in (np.ones(len(p)), y, losses(won, predicted)[order], gap**2)
        ]
        gaps = np.bincount(self._codes * BINS + bins, gap, deals * BINS).reshape(deals, BINS)
        self._sums = np.column_stack([*sums, gaps])  # by deal: a sum over rows becomes a sum over deals
        # Ties form a group: half of the pairs within it count, and precision is taken at its end. Only
        # groups with a row won count at all.
        self._wins = np.flatnonzero(y)
        starts = np.concatenate([[0], np.flatnonzero(np.diff(p)) + 1, [len(p)]])
        first_win = np.searchsorted(self._wins, starts)
        with_win = np.flatnonzero(np.diff(first_win))
        self._begin, self._end = starts[with_win], starts[with_win + 1]
        self._begin_win, self._end_win = first_win[with_win], first_win[with_win + 1]

    def scores(self, weights: NDArray[np.int32]) -> dict[str, NDArray[np.float64]]:
        """MEASURES for each row of `weights`, (r, deals)."""
        total, won, loss, square, *gaps = (weights.astype(np.float64) @ self._sums).T
        brier, rate = square / total, won / total
        ranking = np.array([self._ranking(one) for one in weights]).reshape(len(weights), 2)
        with np.errstate(divide="ignore", invalid="ignore"):
            skill = 1 - brier / (rate * (1 - rate))
            pairs, precision = ranking[:, 0] / (won * (total - won)), ranking[:, 1] / won
        return {
            "log_loss": loss / total,
            "brier": brier,
            "brier_skill": skill,
            "auc": pairs,
            "average_precision": precision,
            "ece": np.abs(gaps).sum(axis=0) / total,
        }

    def _ranking(self, weights: NDArray[np.int32]) -> tuple[float, float]:
        """The number of concordant pairs, and the sum of precision over rows won, with `weights`, (deals,)."""
        # One draw at a time, in the narrowest type, stays in the processor's cache: all at once take ten times as
        # long.
        rows = weights.take(self._codes, mode="clip")  # in range by construction
        every, up = _running(rows), _running(rows[self._wins])
        won_before = up[self._begin_win]
        won = up[self._end_win] - won_before
        before = every[self._begin]
        lost = every[self._end] - before - won
        above = every[-1] - before
        precision = np.divide(up[-1] - won_before, above, out=np.zeros(len(above)), where=above > 0)
        return float(won @ (before - won_before + lost / 2)), float(won @ precision)


def _running(values: NDArray[np.int32]) -> NDArray[np.int32]:
    """Cumulative sums before each position, (n + 1,)."""
    sums = np.zeros(len(values) + 1, dtype=np.int32)
    np.cumsum(values, out=sums[1:])
    return sums


def _coded(deal: NDArray[np.int64]) -> tuple[int, NDArray[np.int64]]:
    """The number of deals, and the code of each row's deal: 0, 1, 2, …, (n,)."""
    different, codes = np.unique(deal, return_inverse=True)
    return len(different), codes


def _bin_of(predicted: Probabilities, bins: int) -> NDArray[np.int64]:
    edges = np.quantile(predicted, np.linspace(0, 1, bins + 1)[1:-1]) if len(predicted) else np.zeros(0)
    return np.searchsorted(edges, predicted, side="right").astype(np.int64)


def _sample(deal: NDArray[np.int64], seed: int) -> tuple[NDArray[np.int64], float]:
    share = min(1.0, INTERVAL_ROWS / max(1, len(deal)))
    if share == 1.0:
        return np.arange(len(deal)), 1.0
    chosen = np.random.default_rng(seed).random(int(deal.max()) + 1) < share
    return np.flatnonzero(chosen[deal]), share


def _deal_weights(deals: int, repetitions: int, seed: int) -> Iterator[NDArray[np.int32]]:
    """Bootstrap counts of each deal, (r, deals), in chunks of bounded size."""
    random = np.random.default_rng(seed)
    portion = max(1, _CELLS // max(1, deals))
    for first in range(0, repetitions, portion):
        weights = np.empty((min(portion, repetitions - first), deals), dtype=np.int32)
        for one in weights:
            # A multinomial draw, in a sixth of the time that `multinomial` takes for so many kinds.
            one[:] = np.bincount(random.integers(deals, size=deals), minlength=deals)
        yield weights


def _interval(drawn: NDArray[np.float64]) -> tuple[float, float]:
    if not np.isfinite(drawn).any():
        return float("nan"), float("nan")
    low, high = np.nanquantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
