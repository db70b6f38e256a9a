"""Beta calibration: one increasing map of probabilities for all horizons, so that it keeps them in order."""

from dataclasses import dataclass

import numpy as np
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
    def fit(cls, predicted: Probabilities, won: NDArray[np.int8], deals: int) -> "BetaCalibration":
        """From predictions of trees on rows later than any they learnt from, both (n,), of `deals` distinct deals.

        Penalised maximum likelihood; fewer deals leave the map nearer to the identity.
        """
        from scipy.optimize import (
            minimize,  # half a second to import, which a service that only applies need not wait for
        )

        up, down = _logs(predicted)
        label = won.astype(np.float64)
        penalty = 1.0 / (2 * _PRIOR_SD**2 * max(1, deals))

        def loss(parameters: NDArray[np.float64]) -> float:
            a, b, c = parameters
            odds = a * up - b * down + c
            away = (a - 1) ** 2 + (b - 1) ** 2 + c**2
            return float(np.mean(np.logaddexp(0, odds) - label * odds) + penalty * away)

        found = minimize(loss, [1.0, 1.0, 0.0], bounds=[(0.0, None), (0.0, None), (None, None)], method="L-BFGS-B")
        return cls(*(float(value) for value in found.x))

    def apply(self, odds: Probabilities) -> Probabilities:
        """Calibrated probabilities of uncalibrated log-odds, in their order; shape kept, float64, within 0..1."""
        return np.asarray(1 / (1 + np.exp(-self.odds(odds))), dtype=np.float64)

    def odds(self, odds: Probabilities) -> Probabilities:
        """Calibrated log-odds of uncalibrated ones; shape kept, float64."""
        # ln p = min(z, 0) - s and ln(1 - p) = -max(z, 0) - s, with s = ln(1 + e^-|z|): exact at both ends.
        small = np.log1p(np.exp(-np.abs(odds)))
        mapped = self.a * (np.minimum(odds, 0) - small) + self.b * (np.maximum(odds, 0) + small) + self.c
        return np.asarray(mapped, dtype=np.float64)


def _logs(predicted: Probabilities) -> tuple[Probabilities, Probabilities]:
    held = np.clip(predicted, _EDGE, 1 - _EDGE)
    return np.log(held), np.log1p(-held)
