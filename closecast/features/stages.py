"""The stage histories of deals as arrays: how each deal stood strictly before any day, and the record of each stage."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from closecast.deals.stages import Entry, read, standings
from closecast.features.running_totals import RunningTotals, Totals

# The value of each feature of a deal whose stage, or expected close, is not known. LightGBM drops a column that is all 0
# before it draws features; of one that is all -1 it makes two bins, and other trees.
UNKNOWN = 0.0
_NONE = -1
_EPOCH = date(1970, 1, 1).toordinal()
_OPEN = np.iinfo(np.int64).max  # the close of an open deal
_SPAN = 1 << 20  # days between the keys of two deals: more than any date has
_FIELDS = 7
_DAY, _STAGE, _SINCE, _ENTERED, _BACK, _EXPECTED, _SLIPS = range(_FIELDS)

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class StageHistories:
    """How n deals stood after each of their m entries: `standings` (m, 7), int32, those of deal i from `edges[i]` to `edges[i + 1]`.

    Columns: day of the entry, code of the stage, day since when, stages entered, moves back, day of the expected close,
    slips; -1 where there is no stage or no expected close.
    """

    edges: Counts
    standings: NDArray[np.int32]

    @classmethod
    def of(cls, histories: Sequence[Sequence[Entry] | None], code: Callable[[str], int]) -> "StageHistories":
        """Of each deal's entries in the order of time, None where it has no history; `code` encodes a stage."""
        facts: list[int] = []
        counts = []
        for entries in histories:
            counts.append(len(entries or ()))
            for entry, now in zip(entries or (), standings(entries or ()), strict=True):
                stage, since, entered, back, expected, slips = now
                facts += (
                    entry.changed.toordinal() - _EPOCH,
                    _NONE if stage is None else code(stage),
                    _NONE if since is None else since.toordinal() - _EPOCH,
                    entered,
                    back,
                    _NONE if expected is None else expected.toordinal() - _EPOCH,
                    slips,
                )
        edges = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        return cls(edges, np.array(facts, dtype=np.int32).reshape(-1, _FIELDS))

    def __len__(self) -> int:
        return len(self.edges) - 1

    def take(self, deals: Counts) -> "StageHistories":
        """The histories of `deals`, positions; one of -1 has none."""
        known = deals >= 0
        counts = np.where(known, self.edges[deals + 1] - self.edges[deals], 0)
        edges = np.concatenate([[0], np.cumsum(counts)])
        inside = np.arange(edges[-1]) - np.repeat(edges[:-1], counts)
        return StageHistories(edges, self.standings[np.repeat(self.edges[deals], counts) + inside])

    def replaced(self, rows: Counts, others: "StageHistories") -> "StageHistories":
        """These histories with those of `rows` replaced by `others`, in their order."""
        joined = StageHistories(
            np.concatenate([self.edges, self.edges[-1] + others.edges[1:]]),
            np.concatenate([self.standings, others.standings]),
        )
        places = np.arange(len(self))
        places[rows] = len(self) + np.arange(len(others))
        return joined.take(places)

    def before(self, deals: Counts, day: int) -> "Standings":
        """How `deals`, positions, stood strictly before `day` (days since 1970-01-01)."""
        last = np.searchsorted(self._keys, deals * _SPAN + day) - 1
        found = np.full((len(deals), _FIELDS), _NONE, dtype=np.int64)
        known = np.flatnonzero(last >= self.edges[deals])
        found[known] = self.standings[last[known]]
        return Standings(day, found)

    @cached_property
    def _keys(self) -> Counts:
        """One ascending number for each entry, by deal and day."""
        return np.repeat(np.arange(len(self)) * _SPAN, np.diff(self.edges)) + self.standings[:, _DAY]


class Standings:
    """How n deals stood strictly before a day; each method gives the values of a feature, (n,), int64, UNKNOWN included."""

    def __init__(self, day: int, found: Counts) -> None:
        self._day, self._found = day, found

    def codes(self) -> Counts:
        """The code of each deal's stage, -1 where it is not known."""
        return self._found[:, _STAGE]

    def days_in_stage(self) -> Counts:
        return self._if_known(_STAGE, self._day - self._found[:, _SINCE])

    def stages_entered(self) -> Counts:
        return self._if_known(_STAGE, self._found[:, _ENTERED])

    def moves_back(self) -> Counts:
        return self._if_known(_STAGE, self._found[:, _BACK])

    def days_to_expected_close(self) -> Counts:
        return self._if_known(_EXPECTED, np.maximum(self._found[:, _EXPECTED] - self._day, 0))

    def days_past_expected_close(self) -> Counts:
        return self._if_known(_EXPECTED, np.maximum(self._day - self._found[:, _EXPECTED], 0))

    def expected_close_slips(self) -> Counts:
        return self._if_known(_EXPECTED, self._found[:, _SLIPS])

    def _if_known(self, field: int, values: Counts) -> Counts:
        return np.where(self._found[:, field] == _NONE, int(UNKNOWN), values)


class StageRecord:
    """The stages of an export: the history of each of its deals, and what became of the deals that had been in each stage."""

    def __init__(
        self, texts: Sequence[str | None], identifiers: Sequence[str], closed: Counts, won: NDArray[np.bool_]
    ) -> None:
        """`texts` are the deals' histories (closecast.deals.stages), `closed` days since 1970-01-01, later than all for open deals.

        Raises ValueError for a text that is no history.
        """
        entries = [read(text) if text else None for text in texts]
        names = sorted({one.stage for history in entries for one in history or () if one.stage is not None})
        self._codes = {name: code for code, name in enumerate(names)}
        self.histories = StageHistories.of(entries, self.code)
        self._positions = {identifier: at for at, identifier in enumerate(identifiers) if entries[at]}
        self._totals = self._totalled(closed, won)

    def code(self, stage: str) -> int:
        """The code of a stage; one past the last for one that no deal has been in."""
        return self._codes.get(stage, len(self._codes))

    def position(self, identifier: str | None) -> int:
        """The position of a deal's history in `histories`, -1 where it has none."""
        return -1 if identifier is None else self._positions.get(identifier, -1)

    def until(self, day: int) -> Totals:
        """Totals by stage, and for a new one, of the deals closed strictly before `day`: `cycle_days` from entering the stage on."""
        return self._totals.until(day)

    def _totalled(self, closed: Counts, won: NDArray[np.bool_]) -> RunningTotals:
        # What a deal entered on the day of its close says how it closed.
        deal = np.repeat(np.arange(len(closed)), np.diff(self.histories.edges))
        day, stage = (self.histories.standings[:, field].astype(np.int64) for field in (_DAY, _STAGE))
        seen = np.flatnonzero((stage != _NONE) & (day < closed[deal]) & (closed[deal] < _OPEN))
        # The first entry of each stage by each deal: entries are in the order of time.
        _, first = np.unique(deal[seen] * (len(self._codes) + 1) + stage[seen], return_index=True)
        rows = seen[first][np.argsort(closed[deal[seen[first]]], kind="stable")]
        own, ended = deal[rows], closed[deal[rows]]
        nothing = np.zeros(len(rows), np.int64)
        facts = np.column_stack([nothing + 1, won[own], ended - day[rows], nothing])
        return RunningTotals(ended, stage[rows], facts, len(self._codes) + 1)
