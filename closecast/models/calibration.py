"""Beta calibration: one increasing map of probabilities for all horizons, so that it keeps their order."""

from dataclasses import dataclass
from math import exp, log1p

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Probabilities = NDArray[np.float64]
_EDGE = 1e-7
# Standard deviation of the prior on each parameter about the identity. Snapshots of one deal repeat each other, so the
# evidence is weighed as if each deal had spoken once.
_PRIOR_SD = 0.1


@dataclass(frozen=True)
class BetaCalibration:
    """log-odds of the calibrated probability = a ln p - b ln(1 - p) + c, a and b not negative.

    Kull, Silva Filho and Flach, "Beta calibration", AISTATS 2017. (1, 1, 0) changes nothing.
    """

    a: float = 1.0
    b: float = 1.0
    c: float = 0.0

    @classmethod
    def fit(
        cls,
        predicted: Probabilities,
        won: NDArray[np.int8],
        deal: NDArray[np.int64],
        weight: NDArray[np.float64] | None = None,
    ) -> "BetaCalibration":
        """Fit to out-of-sample predictions of trees, their labels and the deals of the rows; all (n,).

        Penalised maximum likelihood; fewer deals leave the map nearer to the identity. `weight`, (n,), above 0, says
        how much each row counts, all alike unless given; deals of uneven weight count as fewer (Kish, Survey Sampling,
        1965: the effective size of a weighted sample).
        """
        from scipy.optimize import (
            minimize,  # takes half a second to import, and a service that only applies the map doesn't need it
        )

        up, down = _logs(predicted)
        label = won.astype(np.float64)
        counts = np.ones(len(won)) if weight is None else weight
        share = counts / counts.sum()
        penalty = 1.0 / (2 * _PRIOR_SD**2 * _effective(deal, counts))

        def loss(parameters: Probabilities) -> tuple[float, Probabilities]:
            """The penalised loss and its gradient; the gradient saves three evaluations per step."""
            odds = parameters[0] * up - parameters[1] * down + parameters[2]
            small = np.exp(-np.abs(odds))
            losses = np.log1p(small) + np.maximum(odds, 0) - label * odds
            gaps = share * (np.where(odds < 0, small, 1.0) / (1 + small) - label)
            away = parameters - identity
            gradient = np.array([gaps @ up, -(gaps @ down), gaps.sum()]) + 2 * penalty * away
            return float(share @ losses + penalty * (away @ away)), gradient

        identity = np.array([1.0, 1.0, 0.0])
        bounds = [(0.0, None), (0.0, None), (None, None)]
        found = minimize(loss, identity, jac=True, bounds=bounds, method="L-BFGS-B")
        return cls(*(float(value) for value in found.x))

    def apply(self, odds: Probabilities) -> Probabilities:
        """Calibrated probabilities of uncalibrated log-odds; shape kept, float64, within 0..1."""
        # Arrow takes the C library's exponential, as `apply_few` does; NumPy may have its own, with other last bits.
        powers = pc.exp(pa.array((-self.odds(odds)).ravel())).to_numpy()
        return np.asarray(1 / (1 + powers), dtype=np.float64).reshape(odds.shape)

    def apply_few(self, odds: list[float]) -> list[float]:
        """`apply` for a few values, bit-identical, in a quarter of the time of NumPy's per-call overhead."""
        a, b, c = self.a, self.b, self.c
        mapped = []
        for z in odds:
            # NumPy's logaddexp takes the C library's logarithm and exponential too.
            small = log1p(exp(-abs(z)))
            mapped.append((a * (z - small) + b * small if z < 0 else a * -small + b * (z + small)) + c)
        try:
            return [1 / (1 + exp(-z)) for z in mapped]
        except OverflowError:  # where arrays have infinity
            found: list[float] = self.apply(np.array(odds)).tolist()
            return found

    def odds(self, odds: Probabilities) -> Probabilities:
        """Calibrated log-odds of uncalibrated ones; shape kept, float64."""
        # ln p = min(z, 0) - s and ln(1 - p) = -max(z, 0) - s, with s = ln(1 + e^-|z|): exact at both ends.
        small = np.logaddexp(0, -np.abs(odds))
        mapped = self.a * (np.minimum(odds, 0) - small) + self.b * (np.maximum(odds, 0) + small) + self.c
        return np.asarray(mapped, dtype=np.float64)


def _effective(deal: NDArray[np.int64], weight: NDArray[np.float64]) -> float:
    """Effective sample size: the number of equally weighted deals with the same evidence."""
    codes = np.unique(deal, return_inverse=True)[1]
    # The mean weight of a deal's rows, not their sum: a deal with more rows does not count more.
    per_deal = np.bincount(codes, weights=weight) / np.bincount(codes)
    return float(per_deal.sum() ** 2 / (per_deal**2).sum())


def _logs(predicted: Probabilities) -> tuple[Probabilities, Probabilities]:
    held = np.clip(predicted, _EDGE, 1 - _EDGE)
    return np.log(held), np.log1p(-held)
