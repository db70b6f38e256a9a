"""Explain one prediction: the probability of a reference deal, and what each feature adds to it, in points.

The reference deal is engaged on the as-of date and has an agent, a product and an account that the model has not met.
Its calibrated probability is where an explanation starts. What a feature adds is its Owen value
(closecast.models.owen) in the game whose coalitions take their features from the deal, and the others from the
reference deal (baseline Shapley: Sundararajan and Najmi, "The many Shapley values for model explanation", 2020). So
nothing but differences from the reference deal counts, and the parts add up in probability itself: the curves of
trees, start and calibration are in each of them.
"""

from dataclasses import dataclass
from math import fsum

import numpy as np
from numpy.typing import NDArray

from closecast import features
from closecast.features import NAMES, Tables
from closecast.models.feature_text import FEATURE_TEXT, GROUPS
from closecast.models.owen import Members, owen_values
from closecast.models.scorer import Scorer

Floats = NDArray[np.float64]
_GROUPED = [[at for at, name in enumerate(NAMES) if FEATURE_TEXT[name].group == group.name] for group in GROUPS]
_ROUNDING = 1e-12  # of probability


@dataclass(frozen=True, eq=False)
class Explanation:
    """One answer and its parts: `base` plus the sum of `points` is `probability`, up to rounding in the 16th digit."""

    probability: float
    base: float  # the reference deal's probability
    points: Floats  # of probability (0.01 is one point), (len(NAMES),), in the order of closecast.features.NAMES

    def adds_up(self) -> bool:
        """Whether the parts add up to the answer."""
        is_possible = bool((abs(self.points) <= 1).all())  # False for NaN
        return is_possible and abs(fsum([self.base, *self.points.tolist()]) - self.probability) < _ROUNDING


def reference_row(tables: Tables, horizon_days: int) -> Floats:
    """Feature values, (len(NAMES),), of the reference deal: engaged on the as-of date of `tables`, with unknown names.

    As a deal engaged that day, it has no history before it.
    """
    agent, product, account = (len(table.values) - 1 for table in (tables.agent, tables.product, tables.account))
    return np.frombuffer(features.rows(tables, 0, tables.horizon_tables((horizon_days,)), agent, product, account, 0.0))


def explain(scorer: Scorer, row: Floats, reference: Floats) -> Explanation:
    """Explain the prediction for `row`, bit-identical to Scorer.predict's, relative to that for `reference`.

    Both are feature values, (len(NAMES),), of one as-of date and horizon. A feature of equal value has exactly no points. Takes
    the time of 832 predictions where each feature but the calendar's differs; of 2,624 where the deal's stage is known, and
    of 5,632 where its expected close is too.
    """
    differing = [[at for at in group if row[at] != reference[at]] for group in _GROUPED]
    players = [at for group in differing for at in group]
    ends = np.empty(2)

    def worth(members: Members) -> Floats:
        matrix = np.tile(reference, (len(members), 1))
        matrix[:, players] = np.where(members, row[players], reference[players])
        found = scorer.predict(matrix)
        ends[:] = found[0], found[-1]
        return found

    points = np.zeros(len(NAMES))
    points[players] = owen_values([len(group) for group in differing if group], worth)
    return Explanation(probability=float(ends[1]), base=float(ends[0]), points=points)


def of_kept(scorer: Scorer, row: Floats, reference: Floats, points: Floats) -> Explanation | None:
    """Rebuild the explanation of `explain` from stored points; None when they don't belong to this model and these rows."""
    base, probability = scorer.predict(np.stack([reference, row])).tolist()
    explanation = Explanation(probability, base, points)
    is_of_these = explanation.adds_up() and not points[row == reference].any()
    return explanation if is_of_these else None
