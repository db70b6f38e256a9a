"""Score one deal at a time for several horizons, as API requests do."""

import threading
from collections.abc import Sequence

from closecast import features
from closecast.features.build import UNKNOWN_STAGES, HorizonTable, Tables
from closecast.features.cycles import AGES
from closecast.models.fast import FastScorer
from closecast.models.scorer import Scorer


class SingleScorer(threading.local):
    """`features.rows` and one `FastScorer` per thread; safe from several threads."""

    def __init__(self, scorer: Scorer) -> None:
        self._fast = FastScorer(scorer)
        self._start = scorer.start

    @property
    def fallback(self) -> str | None:
        """The reason why LightGBM's single-row call is not used, None when it is."""
        return self._fast.fallback

    def score(
        self,
        tables: Tables,
        age: int,
        horizon_tables: Sequence[HorizonTable],
        agent: int,
        product: int,
        account: int,
        draw: float,
        stages: bytes = UNKNOWN_STAGES,
    ) -> tuple[list[float], bytes]:
        """Probabilities in 0..1, one per horizon table, and the features as `features.rows` returns them.

        The arguments are those of `features.rows`. Bit-identical to `Scorer.predict` of the same rows.
        """
        block = features.rows(tables, age, horizon_tables, agent, product, account, draw, stages)
        at = age if age < AGES else AGES - 1
        starts = self._start.of_life_table([table.odds[at] for table in horizon_tables])
        return self._fast.predict_started(block, starts), block
