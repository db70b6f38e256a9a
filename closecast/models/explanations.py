"""Takes one answer apart: log-odds of a reference deal, what each feature adds to it, and the calibration's shift.

A probability is calibrate(start + booster). The booster's part of it is divided by LightGBM itself (`pred_contrib`: exact
Shapley values of trees; Lundberg and others, "From local explanations to global understanding with explainable AI for
trees", 2020), with the average of the rows it learnt from as the yardstick. Most of those are deals long dead, beside
which any live deal looks young: age and records are therefore measured against a reference deal, engaged on the as-of
date, of a newcomer's agent, product and account. Calendar features are the same for both; they keep LightGBM's yardstick.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closecast import features
from closecast.features import FEATURES, NAMES, WIN_CHANCE, Tables
from closecast.models.scorer import Scorer
from closecast.models.training import sigmoid, start

Floats = NDArray[np.float64]
# Of the features by horizon, the two chances depend on the deal's age as well.
_BY_AGE = (WIN_CHANCE, NAMES.index("close_chance_in_horizon_before_as_of"))
_CALENDAR = np.array([one.key in ("as_of", "horizon") and at not in _BY_AGE for at, one in enumerate(FEATURES)])
_ROUNDING = 1e-9  # log-odds


@dataclass(frozen=True)
class Contributions:
    """Log-odds before calibration, taken apart: `base` is the reference deal's, `features`, (23,), what each one adds."""

    base: float
    features: Floats

    @property
    def total(self) -> float:
        """Log-odds before calibration."""
        return self.base + float(self.features.sum())


@dataclass(frozen=True)
class Explanation:
    """One answer and its parts: `base` + the sum of `features` + `calibration` are the answer's log-odds."""

    probability: float
    base: float  # log-odds of the reference deal
    features: Floats  # log-odds, (23,), in the order of closecast.features.NAMES
    calibration: float  # log-odds

    @property
    def log_odds(self) -> float:
        """Log-odds of the answered probability."""
        return self.base + float(self.features.sum()) + self.calibration

    @property
    def base_probability(self) -> float:
        """The reference deal's chance, before calibration."""
        return float(sigmoid(np.array(self.base)))

    @property
    def points_per_log_odds(self) -> float:
        """What one unit of log-odds is worth in probability, 0 to 0.25.

        The slope of the chord between the reference deal's chance and the answer: in it the parts add up to exactly the
        difference of the two, in whatever order they are taken, and none changes its sign.
        """
        away = self.log_odds - self.base
        if abs(away) < _ROUNDING:
            return self.base_probability * (1 - self.base_probability)
        return (self.probability - self.base_probability) / away


def reference_row(tables: Tables, horizon_days: int) -> Floats:
    """Feature values, (23,), of the reference deal: engaged on the as-of date of `tables`, of nobody met before."""
    agent, product, account = (len(table.values) - 1 for table in (tables.agent, tables.product, tables.account))
    return np.frombuffer(features.rows(tables, 0, tables.clocks((horizon_days,)), agent, product, account, 0.0))


def contributions(scorer: Scorer, row: Floats, reference: Floats) -> Contributions:
    """Parts of the uncalibrated log-odds of `row`; both are feature values, (23,), of one as-of date and horizon.

    `reference` is the reference deal's row. Takes about ten times as long as a prediction.
    """
    matrix = np.stack([row, reference])
    given = np.asarray(scorer.booster.predict(matrix, pred_contrib=True, num_threads=1), dtype=np.float64)
    (own, other), average = given[:, :-1], float(given[0, -1])
    yardstick = np.where(_CALENDAR, 0.0, other)
    begin = start(matrix)
    added = own - yardstick
    added[WIN_CHANCE] += begin[0] - begin[1]
    return Contributions(average + float(yardstick.sum()) + float(begin[1]), added)


def explain(scorer: Scorer, row: Floats, parts: Contributions) -> Explanation:
    """The answer to `row`, (23,), the same to the bit as Scorer.predict's, with `parts` of its log-odds.

    Raises ValueError when `parts` are not of this row and model: they do not add up to its log-odds.
    """
    matrix = row[np.newaxis]
    raw = np.asarray(scorer.booster.predict(matrix, raw_score=True, num_threads=1), dtype=np.float64) + start(matrix)
    if not abs(parts.total - raw[0]) < _ROUNDING:
        raise ValueError(
            f"contributions add up to log-odds of {parts.total}, the model's are {raw[0]}: compute them anew"
        )
    mapped = scorer.calibration.odds(raw)
    return Explanation(
        float(scorer.calibration.apply(raw)[0]), parts.base, parts.features, float(mapped[0]) - parts.total
    )
