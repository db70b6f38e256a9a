"""How far a forecast may be off, from how far earlier ones were."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

COVERAGE = 0.8
# A forecast errs by chance, deal by deal, and by a share of the whole, where the world has changed since it was learnt.
_SHARE = 0.1
# As many forecasts are assumed before the first one can be judged, whose errors are normal with this standard deviation
# in units of `scale`. They are of little weight after a quarter of weekly forecasts.
_ASSUMED, _ASSUMED_DEVIATION = 20, 1.5

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """Within these bounds the amount falls with a probability of COVERAGE."""

    low: float
    high: float


def scale(expected: Floats, variance: Floats) -> Floats:
    """The size of an error that is usual for a forecast of `expected` with `variance`; shape kept."""
    return np.asarray(np.sqrt(variance + (_SHARE * expected) ** 2), dtype=np.float64)


def width(errors: Floats, scales: Floats) -> float:
    """How many times its scale a forecast errs at most, with a probability of COVERAGE.

    It is the quantile of what earlier forecasts erred by (conformal prediction: Vovk, Gammerman and Shafer, Algorithmic
    Learning in a Random World, 2005), n of them, of windows that are over. Their windows overlap, so this is no
    guarantee; how often it held is in benchmarks/forecast.md.
    """
    usable = scales > 0
    seen = np.abs(errors[usable]) / scales[usable]
    # Midpoints of equal shares of a half-normal distribution: always the same, unlike a draw.
    return float(np.quantile(np.concatenate([seen, _assumed()]), COVERAGE))


def around(expected: float, variance: float, widths: float) -> Interval:
    """The interval of an amount that can't be negative."""
    reach = widths * float(scale(np.array([expected]), np.array([variance]))[0])
    return Interval(max(0.0, expected - reach), expected + reach)


def _assumed() -> Floats:
    normal = NormalDist(0, _ASSUMED_DEVIATION)
    shares = (np.arange(_ASSUMED) + 0.5) / _ASSUMED
    return np.array([normal.inv_cdf((1 + share) / 2) for share in shares.tolist()])
