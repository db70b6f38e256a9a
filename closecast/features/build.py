"""Builds feature values: many snapshots at once for training and scoring, or the few rows of an API request."""

import threading
from array import array
from collections import OrderedDict
from collections.abc import Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from closecast.deals.calendar import day_number
from closecast.deals.horizon import MAX_HORIZON_DAYS, checked
from closecast.features.cycles import AGES, Chances
from closecast.features.declared import FEATURES, KEYS, WIN_CHANCE, Key, block
from closecast.features.history import UNNAMED, Before, History, Subjects
from closecast.features.state import State

Matrix = NDArray[np.float64]
_BLOCKS: dict[Key, slice] = {key: block(key) for key in KEYS}
_OF: dict[Key, list[int]] = {
    key: [column for column, feature in enumerate(FEATURES) if feature.key == key] for key in KEYS
}
# Date, age and horizon are all known once the age is: one look-up serves the three.
_CLOCK = slice(_BLOCKS["as_of"].start, _BLOCKS["horizon"].stop)
_CLOCK_BYTES = 8 * (_CLOCK.stop - _CLOCK.start)
_AGENT, _PRODUCT, _ACCOUNT = (_BLOCKS[key] for key in ("sales_agent", "product", "account"))
_EDGE = 1e-4
_KEPT = 32  # as-of dates whose tables stay in memory, unless the builder is told otherwise
_KEPT_HORIZONS = 24  # of each of them; a table of one horizon is about 80 kB


class Table:
    """Feature values by the position of a key; immutable. `values` is (number of keys, features of the key), float64."""

    __slots__ = ("_row_bytes", "blob", "values")

    def __init__(self, values: Matrix) -> None:
        self.blob = np.ascontiguousarray(values, dtype=np.float64).tobytes()
        self.values: Matrix = np.frombuffer(self.blob).reshape(values.shape)
        self._row_bytes = 8 * values.shape[1]

    def row(self, code: int) -> bytes:
        """The values of one position, as float64."""
        begin = code * self._row_bytes
        return self.blob[begin : begin + self._row_bytes]


class Clock(Table):
    """Everything but the entities, by age, for one horizon: (AGES, 13).

    `odds` are the log-odds of the win chance by age, (AGES,): from them a model starts.
    """

    __slots__ = ("odds",)

    def __init__(self, values: Matrix) -> None:
        super().__init__(values)
        self.odds = array("d", log_odds(self.values[:, WIN_CHANCE]).tobytes())


class Tables:
    """The tables of one as-of date; immutable once made."""

    def __init__(self, before: Before) -> None:
        self.as_of = before.as_of
        self.deck = before.deck
        self._before = before
        self._chances = Chances(before.cycles, before.as_of, before.fiscal)
        state = State(before)
        ages = _stacked("age", state)
        self._date_and_age = np.hstack(
            [np.broadcast_to(_stacked("as_of", state), (len(ages), len(_OF["as_of"]))), ages]
        )
        self.agent, self.product, self.account = (
            Table(_stacked("sales_agent", state)),
            Table(_stacked("product", state)),
            Table(_stacked("account", state)),
        )
        self._horizons: dict[int, Clock] = {}
        self._sets: dict[tuple[int, ...], tuple[Clock, ...]] = {}
        self._lock = threading.Lock()

    def clock(self, days: int) -> Clock:
        """The table for a horizon of `days`."""
        found = self._horizons.get(days)
        if found is None:
            with self._lock:
                made = _stacked("horizon", State(self._before, self._chances, days))
                found = Clock(np.hstack([self._date_and_age, made]))
                if len(self._horizons) >= _KEPT_HORIZONS:
                    del self._horizons[next(iter(self._horizons))]
                    self._sets.clear()  # one of them may hold what was dropped
                self._horizons[days] = found
        return found

    def clocks(self, horizons: tuple[int, ...]) -> tuple[Clock, ...]:
        """The tables for several horizons, in their order."""
        found = self._sets.get(horizons)
        if found is None:
            found = self._sets[horizons] = tuple(self.clock(days) for days in horizons)
        return found

    def made_clocks(self, horizons: tuple[int, ...]) -> tuple[Clock, ...] | None:
        """The same if `clocks` was asked for them before, so that it takes no time; else None."""
        return self._sets.get(horizons)

    def stand_ins(self, lots: NDArray[np.float64]) -> NDArray[np.int64]:
        """The accounts whose history stands in for missing ones: of the closed deals that the lots, (n,), fall on."""
        if not len(self.deck):
            return np.full(len(lots), len(self.account.values) - 1, dtype=np.int64)
        return self.deck[(lots * len(self.deck)).astype(np.int64)]

    def stand_in(self, lot: float) -> int:
        """The same for one lot."""
        count = len(self.deck)
        return int(self.deck[int(lot * count)]) if count else len(self.account.values) - 1


class FeatureBuilder:
    """Feature values of deals seen with one History. Safe from several threads."""

    def __init__(self, history: History, kept: int = _KEPT) -> None:
        """The tables of the last `kept` as-of dates stay in memory."""
        self.history, self._kept = history, kept
        self._tables: OrderedDict[int, Tables] = OrderedDict()
        self._lock = threading.Lock()

    def tables(self, as_of: date | np.datetime64) -> Tables:
        """The tables of one as-of date; those of the last dates stay in memory."""
        day = day_number(as_of)
        with self._lock:
            found = self._tables.get(day)
            if found is None:
                found = self._tables[day] = Tables(self.history.before(np.datetime64(day, "D")))
                if len(self._tables) > self._kept:
                    self._tables.popitem(last=False)
            else:
                self._tables.move_to_end(day)
            return found

    def known(self, as_of: date) -> Tables | None:
        """The tables of `as_of` if they are in memory: never waits, and does not count as use."""
        return self._tables.get(day_number(as_of))

    def matrix(
        self,
        subjects: Subjects,
        deal: NDArray[np.int64],
        as_of: NDArray[np.datetime64],
        horizon_days: NDArray[np.int64],
    ) -> Matrix:
        """Feature values of n snapshots, (n, len(FEATURES)), float64, columns in the order of FEATURES.

        `deal` are positions in `subjects`; `as_of` is datetime64, read as whole days; all of shape (n,). Rows in the
        order of as-of date and horizon are quickest. Raises ValueError for lengths that differ, for a missing date,
        for a deal engaged after its as-of date, and for a horizon outside 1..MAX_HORIZON_DAYS.
        """
        days = np.asarray(as_of, dtype="M8[D]")
        horizons = np.asarray(horizon_days, dtype=np.int64)
        if not (deal.shape == days.shape == horizons.shape) or deal.ndim != 1:
            raise ValueError(
                f"features need three arrays of one length, got the shapes {deal.shape}, {days.shape}, {horizons.shape}"
            )
        if np.isnat(days).any():
            raise ValueError(f"as_of holds {int(np.isnat(days).sum())} missing dates; leave those rows out")
        checked(horizons)
        numbers = days.astype(np.int64)
        values = np.empty((len(deal), len(FEATURES)), dtype=np.float64)
        # One number for date and horizon; the rows of each form a group that shares its tables.
        group = numbers * (MAX_HORIZON_DAYS + 1) + horizons
        order = None if len(group) < 2 or bool((group[1:] >= group[:-1]).all()) else np.argsort(group, kind="stable")
        ordered = group if order is None else group[order]
        edges = np.flatnonzero(np.diff(ordered)) + 1
        for first, last in zip([0, *edges.tolist()], [*edges.tolist(), len(group)], strict=True):
            if first == last:
                continue
            rows = slice(first, last) if order is None else order[first:last]
            day, horizon = divmod(int(ordered[first]), MAX_HORIZON_DAYS + 1)
            self._fill(values, rows, subjects, deal[rows], self.tables(np.datetime64(day, "D")), horizon)
        return values

    def _fill(
        self,
        values: Matrix,
        rows: slice | NDArray[np.int64],
        subjects: Subjects,
        deal: NDArray[np.int64],
        tables: Tables,
        horizon_days: int,
    ) -> None:
        age = tables.as_of - subjects.engaged[deal]
        if len(age) and age.min() < 0:
            late = subjects.engaged[deal[np.argmin(age)]]
            raise ValueError(
                f"a deal engaged on {np.datetime64(int(late), 'D')} cannot be seen as of "
                f"{np.datetime64(tables.as_of, 'D')}: it does not exist yet; leave it out or choose a later as-of date"
            )
        age = np.minimum(age, AGES - 1)
        values[rows, _CLOCK] = _looked_up(tables.clock(horizon_days).values, age)
        values[rows, _AGENT] = _looked_up(tables.agent.values, subjects.agent[deal])
        values[rows, _PRODUCT] = _looked_up(tables.product.values, subjects.product[deal])
        account = subjects.account[deal]
        unnamed = np.flatnonzero(account == UNNAMED)
        if len(unnamed):
            account = account.copy()
            account[unnamed] = tables.stand_ins(subjects.lot[deal[unnamed]])
        values[rows, _ACCOUNT] = _looked_up(tables.account.values, account)


def _looked_up(table: Matrix, codes: NDArray[np.int64]) -> Matrix:
    """Rows of `table`. Codes are in range by construction; clipping instead of checking them takes half the time."""
    return table.take(codes, axis=0, mode="clip")


def rows(
    tables: Tables, age: int, clocks: Sequence[Clock], agent: int, product: int, account: int, lot: float
) -> bytes:
    """One deal's values for each of `clocks` (Tables.clocks), as float64: (len(clocks), len(FEATURES)), row after row.

    Each row is bit-identical to its row of `FeatureBuilder.matrix`. `agent`, `product` and `account` are codes
    (History.code), `age` is in days, 0 or more. For a path on which a microsecond counts: nothing is checked here, and
    bytes are put together, because an array takes longer to address than to copy.
    """
    begin = _CLOCK_BYTES * (age if age < AGES else AGES - 1)
    end = begin + _CLOCK_BYTES
    if account == UNNAMED:
        account = tables.stand_in(lot)
    entities = tables.agent.row(agent) + tables.product.row(product) + tables.account.row(account)
    return b"".join([clock.blob[begin:end] + entities for clock in clocks])


def log_odds(chance: NDArray[np.float64]) -> NDArray[np.float64]:
    """ln(p / (1 - p)) of probabilities that are held within 0.0001 and 0.9999; shape kept, float64."""
    # What numpy.clip does, without its four microseconds of preparation.
    held = np.minimum(np.maximum(chance, _EDGE), 1 - _EDGE)
    odds: NDArray[np.float64] = np.log(held / (1 - held))
    return odds


def _stacked(key: Key, state: State) -> Matrix:
    columns = [np.asarray(FEATURES[column].values(state), dtype=np.float64) for column in _OF[key]]
    return np.column_stack(columns)
