"""A confidence sequence for a mean that changes over time: valid at every look, however often one looks.

Empirical Bernstein, as Choe and Ramdas use it to compare sequential forecasters (Operations Research, 2024, Theorem 2) and
Howard, Ramdas, McAuliffe and Sekhon prove it (Annals of Statistics, 2021, Theorem 4). Let x_i lie in [-bound, bound],
let g_i be a guess of x_i from what was known before, and let mu_i be the conditional mean of x_i. Then for each lambda in
(0, 1/c)

    exp(lambda sum(x_i - mu_i) - psi(lambda) V),  V = sum (x_i - g_i)^2,  psi(lambda) = (-log(1 - c lambda) - c lambda) / c^2

is a supermartingale that begins at 1, as long as x_i - g_i >= -c (Fan, Grama and Liu, Electronic Journal of Probability,
2015, Lemma 4.1). So is its average over a grid of lambdas (the method of mixtures; Robbins, 1970). By Ville's inequality
it ever reaches 1 / alpha with probability alpha at most. The lower bound is the mean at which it is 1 / alpha.

Values of one day are one batch: their order does not matter, and guesses use earlier days alone.

The theory takes values to be independent within a day, and what the past tells of the mean to be in mu. Deals that share
a good or a bad week are not independent. So V is the larger of the sum above and the sum of the squared deviations of
whole weeks: where weeks vary more than their deals explain, the evidence counts for less. This can only widen the bounds.
Guesses are the mean so far, and no better ones on purpose: guesses that follow the last weeks would explain away a market
that moves slowly. With them, harm was claimed of two of five models on the real file, at the end of its year.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
WEEK = 7  # days
_GUESS = 0.5  # of the bound: how far from 0 a guess may lie
_PRIOR = 50  # values, of 0 or as expected, with which the guess begins
# Shares of the largest lambda: small ones find small means after long, large ones large means soon.
_SHARES = np.geomspace(0.02, 0.9, 24)
_STEPS = 50  # of the bisection
MOST_VALUES = 1_000_000  # a longer wait is no forecast


@dataclass(frozen=True)
class Sequence:
    """One entry for each day that has values, all of shape (days,).

    `low` and `high` bound the mean of the values so far; each holds at all days at once with probability 1 - alpha.
    `log_evidence` is the logarithm of the supermartingale for a mean of 0: `low` is above 0 where it exceeds log(1/alpha).
    """

    day: NDArray[np.int64]
    count: NDArray[np.int64]  # values so far
    mean: Values
    low: Values
    high: Values
    log_evidence: Values
    variance: Values  # V: sums of squares, in the unit of the values squared


@dataclass(frozen=True)
class _Sums:
    day: NDArray[np.int64]
    count: NDArray[np.int64]
    total: Values
    variance: Values


def log_evidence(
    day: NDArray[np.int64], value: Values, bound: float, expected: Values | None = None
) -> tuple[NDArray[np.int64], Values]:
    """The days that have values, and on each the logarithm of the evidence for a mean above 0 (Sequence).

    `expected`, (n,), are means expected of the values before any of them was known; 0 without it. They only say where guesses
    begin: where they are wrong, the evidence counts for less.
    """
    sums = _sums(day, value, bound, expected)
    return sums.day, _log_evidence(sums, np.zeros(len(sums.day)), bound)


def sequence(
    day: NDArray[np.int64],
    value: Values,
    bound: float,
    alpha: float,
    expected: tuple[Values, Values] | None = None,
) -> Sequence:
    """The confidence sequence of `value`, (n,), within [-bound, bound], known on `day`, (n,), days since any date.

    `expected` are two arrays as `log_evidence` takes them: of the values for the lower bound, of their negatives for the upper
    one. Raises ValueError for values outside of the bound.
    """
    up, down = expected or (None, None)
    sums, mirrored = _sums(day, value, bound, up), _sums(day, -value, bound, down)
    return Sequence(
        sums.day,
        sums.count,
        sums.total / sums.count,
        _lower(sums, bound, alpha),
        -_lower(mirrored, bound, alpha),
        _log_evidence(sums, np.zeros(len(sums.day)), bound),
        sums.variance,
    )


def values_needed(mean: float, variance: float, total: float, spent: float, bound: float, alpha: float) -> int | None:
    """How many more values of this mean and variance make the lower bound exceed 0; None for more than MOST_VALUES.

    `total` is the sum of the values so far and `spent` their V (Sequence.variance). The logarithm of the evidence is convex
    in the number of values that come, so bisection finds where it reaches log(1 / alpha).
    """

    def suffice(count: int) -> bool:
        at = np.array([count])
        sums = _Sums(at, at, np.array([total + mean * count]), np.array([spent + variance * count]))
        return bool(_log_evidence(sums, np.zeros(1), bound)[0] > -np.log(alpha))

    if suffice(0):
        return 0
    if not suffice(MOST_VALUES):
        return None
    low, high = 0, MOST_VALUES
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if suffice(middle) else (middle, high)
    return high


def _lower(sums: _Sums, bound: float, alpha: float) -> Values:
    """The largest mean that the evidence exceeds, by bisection: the evidence falls as the mean grows."""
    low, high = np.full(len(sums.day), -bound), sums.total / sums.count
    for _ in range(_STEPS):
        middle = (low + high) / 2
        proven = _log_evidence(sums, middle, bound) >= -np.log(alpha)
        low, high = np.where(proven, middle, low), np.where(proven, high, middle)
    return low


def _log_evidence(sums: _Sums, mean: Values, bound: float) -> Values:
    c = (1 + _GUESS) * bound
    lambdas = _SHARES[:, None] / c
    psi = (-np.log1p(-_SHARES) - _SHARES)[:, None] / c**2
    exponents = lambdas * (sums.total - mean * sums.count) - psi * sums.variance
    most = exponents.max(axis=0)
    return np.asarray(most + np.log(np.exp(exponents - most).mean(axis=0)))


def _sums(day: NDArray[np.int64], value: Values, bound: float, expected: Values | None = None) -> _Sums:
    """Sums over all values up to each day."""
    if len(value) and np.abs(value).max() > bound:
        raise ValueError(f"a value of {value[np.abs(value).argmax()]} is outside of -{bound} to {bound}")
    order = np.argsort(day, kind="stable")
    days, first = np.unique(day[order], return_index=True)
    if not len(days):
        return _Sums(days, np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
    sums = np.add.reduceat(value[order], first)
    squares = np.add.reduceat(value[order] ** 2, first)
    counts = np.diff(np.append(first, len(value)))
    total, count = np.cumsum(sums), np.cumsum(counts)
    prior = 0.0 if expected is None else np.add.reduceat(expected[order], first) / counts
    known = (np.append(0.0, total[:-1]) + _PRIOR * prior) / (np.append(0, count[:-1]) + _PRIOR)
    guess = np.clip(known, -_GUESS * bound, _GUESS * bound)
    variance = np.cumsum(squares - 2 * guess * sums + guess**2 * counts)
    return _Sums(days, count, total, np.maximum(variance, _of_weeks(days, sums, counts, guess)))


def _of_weeks(days: NDArray[np.int64], sums: Values, counts: NDArray[np.int64], guess: Values) -> Values:
    """The sum of the squared deviations of weeks up to each day, (days,), from what was guessed before each week."""
    _, first, week = np.unique((days - days[0]) // WEEK, return_index=True, return_inverse=True)
    deviation = np.cumsum(sums - guess[first][week] * counts)
    begun = np.append(0.0, deviation[first[1:] - 1])[week]
    running = deviation - begun  # of the week that the day is in
    last = np.append(first[1:], len(days)) - 1
    done = np.append(0.0, np.cumsum(running[last] ** 2)[:-1])[week]
    return np.asarray(done + running**2)
