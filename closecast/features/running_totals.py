"""Running totals of closed deals by agent, product or account, up to any day."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
_FACTS = 4


@dataclass(frozen=True)
class Totals:
    """Sums over closed deals, one entry per entity and a last one, always 0, for unknown entities. int64."""

    closes: Counts
    wins: Counts
    cycle_days: Counts  # from engagement to close, summed
    won_cents: Counts  # value of the deals won, in hundredths


class RunningTotals:
    """Sums by entity over events in the order of their day. Whole numbers, so the order of summing doesn't matter."""

    def __init__(self, days: Counts, entities: Counts, facts: Counts, size: int) -> None:
        """`days`, ascending, and `entities` of shape (n,); `facts` (n, 4) as in Totals; `size` counts the entities."""
        self._days, self._entities, self._facts, self._size = days, entities, facts, size
        self._cursors = (_Cursor(size), _Cursor(size))

    def until(self, day: int) -> Totals:
        """Totals of all events strictly before `day`."""
        return _totals(self._advance(self._cursors[0], day))

    def between(self, first: int, day: int) -> Totals:
        """Totals of the events from `first` on and strictly before `day`."""
        return _totals(self._advance(self._cursors[0], day) - self._advance(self._cursors[1], first))

    def entities_until(self, day: int) -> Counts:
        """The entity of each event strictly before `day`, in order."""
        return self._entities[: np.searchsorted(self._days, day)]

    def _advance(self, cursor: "_Cursor", day: int) -> Counts:
        position = int(np.searchsorted(self._days, day))
        if position < cursor.position:
            cursor.position, cursor.sums = 0, np.zeros((self._size, _FACTS), np.int64)
        if position > cursor.position:
            new = slice(cursor.position, position)
            sums = cursor.sums.copy()
            for fact in range(_FACTS):
                # Weights pass through float64, exact up to 2^53: ninety trillion in hundredths.
                added = np.bincount(self._entities[new], weights=self._facts[new, fact], minlength=self._size)
                sums[:, fact] += added.astype(np.int64)
            cursor.position, cursor.sums = position, sums
        return cursor.sums


class _Cursor:
    """The position of the last query, so that the next later one adds only new events."""

    def __init__(self, size: int) -> None:
        self.position = 0
        self.sums = np.zeros((size, _FACTS), np.int64)


def _totals(sums: Counts) -> Totals:
    return Totals(sums[:, 0], sums[:, 1], sums[:, 2], sums[:, 3])
