"""The start of the booster: initial log-odds from the win chance that history alone gives, as it is or recalibrated."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closecast.features import log_odds

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Start:
    """slope * log-odds of the win chance + intercept; (1, 0) is the life table as it is, (0, c) a constant.

    The slope is 0 or more, so that more time never lowers the start.
    """

    slope: float = 1.0
    intercept: float = 0.0

    @classmethod
    def fit(cls, chance: Floats, won: NDArray[np.int8], recalibration: float) -> "Start":
        """Go from the life table, at a `recalibration` of 0, to the line that fits labels `won`, (n,), best, at 1.

        `chance` is the feature WIN_CHANCE, (n,), of rows with both outcomes.
        """
        if not recalibration:
            return cls()
        slope, intercept = _logistic(log_odds(chance), won)
        if slope < 0:
            share = float(won.mean())
            slope, intercept = 0.0, float(np.log(share / (1 - share)))
        return cls(1 + recalibration * (slope - 1), recalibration * intercept)

    def odds(self, chance: Floats) -> Floats:
        """Initial log-odds, (n,), of rows with these values of the feature WIN_CHANCE, (n,)."""
        return self.slope * log_odds(chance) + self.intercept

    def of_life_table(self, odds: list[float]) -> list[float]:
        """`odds` for a few rows whose log-odds of the win chance are known, bit-identical."""
        slope, intercept = self.slope, self.intercept
        return [slope * z + intercept for z in odds]


def _logistic(odds: Floats, won: NDArray[np.int8]) -> tuple[float, float]:
    """Slope and intercept of the logistic regression of `won` on `odds`, both (n,)."""
    from sklearn.linear_model import LogisticRegression  # slow to import, and services only apply a start

    found = LogisticRegression(C=1e6, solver="newton-cholesky").fit(odds[:, None], won)
    return float(found.coef_[0, 0]), float(found.intercept_[0])
