"""Whether a model should use the stage history: only where later rows say clearly that it helps.

Features that say nothing are not free: each tree draws half of all features, and gets fewer of those that matter.
"""

from datetime import date

import numpy as np
from numpy.typing import NDArray

from closecast.deals.snapshots import Snapshots
from closecast.features.build import STAGES
from closecast.features.stages import UNKNOWN
from closecast.models.forward import FoldBoosters, Folds, forward_folds
from closecast.models.hyperparameters import PRESETS
from closecast.models.metrics import paired_difference

_REPETITIONS = 400  # of the bootstrap


def helps(matrix: NDArray[np.float64], rows: Snapshots, before: date, seed: int, threads: int) -> bool:
    """Whether the best preset predicts later rows better with the history, with an interval clear of zero.

    `matrix` are the feature values of `rows`, with the history. False where `rows` hold no forward fold.
    """
    found = forward_folds(rows, before)
    if not found:
        return False
    ours, theirs = (_predicted(Folds(one, rows.won, found, seed, threads)) for one in (matrix, without_history(matrix)))
    validated = np.concatenate([fold.validation for fold in found])
    return paired_difference(rows.won[validated], ours, theirs, rows.deal[validated], _REPETITIONS).high < 0


def without_history(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """A copy of feature values in which no deal has a history."""
    blank = matrix.copy()
    blank[:, STAGES] = UNKNOWN
    return blank


def _predicted(folds: Folds) -> NDArray[np.float64]:
    """The validation rows' probabilities of the preset with the least log loss."""
    tried = [FoldBoosters(folds, preset) for preset in PRESETS]
    best = min(tried, key=lambda boosters: boosters.best()[1])
    return best.predicted(best.best()[0])
