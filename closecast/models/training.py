"""The fit of the booster."""

from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from closecast.features import NAMES, WIN_CHANCE
from closecast.models.booster import Booster
from closecast.models.hyperparameters import Hyperparameters
from closecast.models.start import Start


def training_set(
    matrix: NDArray[np.float64],
    won: NDArray[np.int8],
    parameters: dict[str, Any],
    start: Start,
    bins_of: lightgbm.Dataset | None = None,
) -> lightgbm.Dataset:
    """A LightGBM dataset of feature values, (n, len(NAMES)), and labels, (n,), with initial scores from `start`.

    A validation set uses the bins of the training set `bins_of`. `parameters` are LightGBM's.
    """
    return lightgbm.Dataset(
        matrix,
        label=won.astype(np.float64),
        reference=bins_of,
        init_score=start.odds(matrix[:, WIN_CHANCE]),
        feature_name=list(NAMES),
        params=parameters,
    )


def fit(
    matrix: NDArray[np.float64],
    won: NDArray[np.int8],
    settings: Hyperparameters,
    rounds: int,
    seed: int,
    threads: int,
    start: Start = Start(),  # noqa: B008 - immutable
) -> Booster:
    """Fit a booster that corrects `start`, by default the life table.

    The same rows, settings and seed give the same file, whatever the threads.
    """
    parameters = settings.lightgbm(len(won), seed, threads)
    return Booster(lightgbm.train(parameters, training_set(matrix, won, parameters, start), rounds).model_to_string())
