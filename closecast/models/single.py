"""Scores one deal at a time for several horizons, on the way of an API request: no array is made that could be kept."""

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from closecast import features
from closecast.features.build import Tables
from closecast.models.fast import FastScorer
from closecast.models.scorer import Scorer


class SingleScorer(threading.local):
    """`features.rows` and `FastScorer` with a workspace of each thread's own; safe from several threads."""

    def __init__(self, scorer: Scorer) -> None:
        self._fast = FastScorer(scorer)
        self._matrix = np.empty((0, len(features.NAMES)))

    @property
    def fallback(self) -> str | None:
        """Why LightGBM's single-row call is not used, None where it is."""
        return self._fast.fallback

    def score(
        self, tables: Tables, age: int, horizons: Sequence[int], agent: int, product: int, account: int, lot: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Probabilities, (len(horizons),), and the feature matrix behind them, (len(horizons), 23), for the arguments
        of `features.rows`. The matrix is the thread's workspace: the next call writes over it.
        """
        if len(self._matrix) != len(horizons):
            self._matrix = np.empty((len(horizons), len(features.NAMES)))
        features.rows(tables, age, horizons, agent, product, account, lot, self._matrix)
        return self._fast.predict_checked(self._matrix), self._matrix
