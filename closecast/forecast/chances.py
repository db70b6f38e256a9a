"""The chances of the deals of a ledger by a model."""

from dataclasses import replace
from datetime import date

import numpy as np

from closecast.features import FeatureBuilder
from closecast.forecast.ledger import Counts, Floats, Ledger
from closecast.models.scorer import Scorer


class ModelChances:
    """P(won within some days after a date) of a ledger's deals. Safe from several threads."""

    def __init__(self, ledger: Ledger, scorer: Scorer, builder: FeatureBuilder, threads: int = 1) -> None:
        """`builder` builds features from a history of the ledger's deals."""
        self._ledger, self._scorer, self._builder, self._threads = ledger, scorer, builder, threads

    def __call__(self, rows: Counts, as_of: date, days: int, older: int = 0) -> Floats:
        """The chances of the deals at the positions `rows`, (n,), as if each were `older` by so many days.

        A deal that has closed is taken for one that is still open.
        """
        encoded = self._builder.history.encode(self._ledger.deals.iloc[rows])
        if older:
            encoded = replace(encoded, engaged=encoded.engaged - older)
        count = len(rows)
        matrix = self._builder.matrix(
            encoded,
            np.arange(count),
            np.full(count, np.datetime64(as_of, "D")),
            np.full(count, days, dtype=np.int64),
        )
        return self._scorer.predict(matrix, threads=self._threads)
