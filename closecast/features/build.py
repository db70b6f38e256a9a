"""Feature values: of many snapshots at once for training and batch scoring, or the few rows of an API request."""

import threading
from array import array
from collections import OrderedDict
from collections.abc import Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from closecast.deals.calendar import day_number
from closecast.deals.horizon import MAX_HORIZON_DAYS, checked
from closecast.features.cycles import AGES, CumulativeIncidence
from closecast.features.declared import FEATURES, KEYS, WIN_CHANCE, Key, block
from closecast.features.history import MISSING_ACCOUNT, ClosedBefore, EncodedDeals, History
from closecast.features.stages import UNKNOWN, StageHistories, Standings
from closecast.features.state import State

Matrix = NDArray[np.float64]
_BLOCKS: dict[Key, slice] = {key: block(key) for key in KEYS}
_OF: dict[Key, list[int]] = {
    key: [column for column, feature in enumerate(FEATURES) if feature.key == key] for key in KEYS
}
# For one date and horizon, the age decides the values of all three keys: one look-up serves them.
_DATE_AGE_HORIZON = slice(_BLOCKS["as_of"].start, _BLOCKS["horizon"].stop)
_DATE_AGE_HORIZON_BYTES = 8 * (_DATE_AGE_HORIZON.stop - _DATE_AGE_HORIZON.start)
_AGENT, _PRODUCT, _ACCOUNT = (_BLOCKS[key] for key in ("sales_agent", "product", "account"))
STAGES = slice(_BLOCKS["stage"].start, _BLOCKS["stage_history"].stop)  # the last columns
UNKNOWN_STAGES = np.full(STAGES.stop - STAGES.start, UNKNOWN).tobytes()  # their values for a deal without a history
_EDGE = 1e-4
_KEPT = 32  # as-of dates whose tables stay in memory by default
_KEPT_HORIZONS = 24  # per as-of date; the table of one horizon is about 80 kB


class Table:
    """Feature values by the position of a key; immutable.

    `values` is (number of keys, features of the key), float64.
    """

    __slots__ = ("_row_bytes", "blob", "values")

    def __init__(self, values: Matrix) -> None:
        self.blob = np.ascontiguousarray(values, dtype=np.float64).tobytes()
        self.values: Matrix = np.frombuffer(self.blob).reshape(values.shape)
        self._row_bytes = 8 * values.shape[1]

    def row(self, code: int) -> bytes:
        """The values of one position, as float64."""
        begin = code * self._row_bytes
        return self.blob[begin : begin + self._row_bytes]


class HorizonTable(Table):
    """Values of the date, age and horizon features for one horizon, by age: (AGES, 13).

    `odds` are the log-odds of the win chance by age, (AGES,): the initial scores of the boosted trees.
    """

    __slots__ = ("odds",)

    def __init__(self, values: Matrix) -> None:
        super().__init__(values)
        self.odds = array("d", log_odds(self.values[:, WIN_CHANCE]).tobytes())


class Tables:
    """The tables of one as-of date; immutable once made."""

    def __init__(self, before: ClosedBefore) -> None:
        self.as_of = before.as_of
        self.donor_pool = before.donor_pool
        self._before = before
        self._incidence = CumulativeIncidence(before.cycles, before.as_of, before.fiscal)
        state = State(before)
        ages = _stacked("age", state)
        self._date_and_age = np.hstack(
            [np.broadcast_to(_stacked("as_of", state), (len(ages), len(_OF["as_of"]))), ages]
        )
        self.agent, self.product, self.account, self.stage = (
            Table(_stacked("sales_agent", state)),
            Table(_stacked("product", state)),
            Table(_stacked("account", state)),
            Table(_stacked("stage", state)),
        )
        self._horizons: dict[int, HorizonTable] = {}
        self._sets: dict[tuple[int, ...], tuple[HorizonTable, ...]] = {}
        self._lock = threading.Lock()

    def horizon_table(self, days: int) -> HorizonTable:
        """The table for a horizon of `days`."""
        found = self._horizons.get(days)
        if found is None:
            with self._lock:
                made = _stacked("horizon", State(self._before, self._incidence, days))
                found = HorizonTable(np.hstack([self._date_and_age, made]))
                if len(self._horizons) >= _KEPT_HORIZONS:
                    del self._horizons[next(iter(self._horizons))]
                    self._sets.clear()  # one of them may hold the table just dropped
                self._horizons[days] = found
        return found

    def horizon_tables(self, horizons: tuple[int, ...]) -> tuple[HorizonTable, ...]:
        """The tables for several horizons, in their order."""
        found = self._sets.get(horizons)
        if found is None:
            found = self._sets[horizons] = tuple(self.horizon_table(days) for days in horizons)
        return found

    def cached_horizon_tables(self, horizons: tuple[int, ...]) -> tuple[HorizonTable, ...] | None:
        """The tables of several horizons if `horizon_tables` has made them before, else None. Never waits."""
        return self._sets.get(horizons)

    def stages(self, histories: StageHistories, deals: NDArray[np.int64]) -> Matrix:
        """Values of the stage features of `deals`, positions in `histories`; (n, 8)."""
        standings = histories.before(deals, self.as_of)
        # A stage that is not known has the code -1, which finds the last row.
        return np.hstack([self.stage.values[standings.codes()], _stacked("stage_history", standings)])

    def donors(self, draws: NDArray[np.float64]) -> NDArray[np.int64]:
        """Donors of missing accounts (hot-deck imputation): the accounts of the closed deals that `draws`, (n,), select."""
        if not len(self.donor_pool):
            return np.full(len(draws), len(self.account.values) - 1, dtype=np.int64)
        return self.donor_pool[(draws * len(self.donor_pool)).astype(np.int64)]

    def donor(self, draw: float) -> int:
        """The donor that one draw selects."""
        count = len(self.donor_pool)
        return int(self.donor_pool[int(draw * count)]) if count else len(self.account.values) - 1


class FeatureBuilder:
    """Feature values of deals seen with one History. Safe from several threads."""

    def __init__(self, history: History, kept: int = _KEPT) -> None:
        """`kept`: how many as-of dates' tables stay in memory."""
        self.history, self._kept = history, kept
        self._tables: OrderedDict[int, Tables] = OrderedDict()
        self._lock = threading.Lock()

    def tables(self, as_of: date | np.datetime64) -> Tables:
        """The tables of one as-of date, made when they are not in memory."""
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
        """The tables of `as_of` if they are in memory, else None. Never waits, and does not count as use."""
        return self._tables.get(day_number(as_of))

    def matrix(
        self,
        deals: EncodedDeals,
        deal: NDArray[np.int64],
        as_of: NDArray[np.datetime64],
        horizon_days: NDArray[np.int64],
    ) -> Matrix:
        """Feature values of n snapshots, (n, len(FEATURES)), float64, columns in the order of FEATURES.

        `deal` are positions in `deals`; `as_of` is datetime64, read as whole days; all of shape (n,). Rows in the
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
            self._fill(values, rows, deals, deal[rows], self.tables(np.datetime64(day, "D")), horizon)
        return values

    def _fill(
        self,
        values: Matrix,
        rows: slice | NDArray[np.int64],
        deals: EncodedDeals,
        deal: NDArray[np.int64],
        tables: Tables,
        horizon_days: int,
    ) -> None:
        age = tables.as_of - deals.engaged[deal]
        if len(age) and age.min() < 0:
            late = deals.engaged[deal[np.argmin(age)]]
            raise ValueError(
                f"a deal engaged on {np.datetime64(int(late), 'D')} cannot be seen as of "
                f"{np.datetime64(tables.as_of, 'D')}: it does not exist yet; leave it out or choose a later as-of date"
            )
        age = np.minimum(age, AGES - 1)
        values[rows, _DATE_AGE_HORIZON] = _looked_up(tables.horizon_table(horizon_days).values, age)
        values[rows, _AGENT] = _looked_up(tables.agent.values, deals.agent[deal])
        values[rows, _PRODUCT] = _looked_up(tables.product.values, deals.product[deal])
        account = deals.account[deal]
        unnamed = np.flatnonzero(account == MISSING_ACCOUNT)
        if len(unnamed):
            account = account.copy()
            account[unnamed] = tables.donors(deals.draw[deal[unnamed]])
        values[rows, _ACCOUNT] = _looked_up(tables.account.values, account)
        values[rows, STAGES] = UNKNOWN if deals.stages is None else tables.stages(deals.stages, deal)


def _looked_up(table: Matrix, codes: NDArray[np.int64]) -> Matrix:
    """Rows of `table`. Codes are in range by construction; mode="clip" skips the check and takes half the time."""
    return table.take(codes, axis=0, mode="clip")


def rows(
    tables: Tables,
    age: int,
    horizon_tables: Sequence[HorizonTable],
    agent: int,
    product: int,
    account: int,
    draw: float,
    stages: bytes = UNKNOWN_STAGES,
) -> bytes:
    """One deal's values for each of `horizon_tables`, as float64: (len(horizon_tables), len(FEATURES)), row after row.

    Each row is bit-identical to its row of `FeatureBuilder.matrix`. `agent`, `product` and `account` are codes
    (History.code), `age` is in days, 0 or more, `stages` the row of `Tables.stages`. For a path on which a microsecond counts: nothing is checked here, and
    bytes are put together, because an array takes longer to address than to copy.
    """
    begin = _DATE_AGE_HORIZON_BYTES * (age if age < AGES else AGES - 1)
    end = begin + _DATE_AGE_HORIZON_BYTES
    if account == MISSING_ACCOUNT:
        account = tables.donor(draw)
    entities = tables.agent.row(agent) + tables.product.row(product) + tables.account.row(account) + stages
    return b"".join([table.blob[begin:end] + entities for table in horizon_tables])


def log_odds(chance: NDArray[np.float64]) -> NDArray[np.float64]:
    """ln(p / (1 - p)) of probabilities that are held within 0.0001 and 0.9999; shape kept, float64."""
    # What numpy.clip does, without its four microseconds of preparation.
    held = np.minimum(np.maximum(chance, _EDGE), 1 - _EDGE)
    odds: NDArray[np.float64] = np.log(held / (1 - held))
    return odds


def _stacked(key: Key, state: State | Standings) -> Matrix:
    columns = [np.asarray(FEATURES[column].values(state), dtype=np.float64) for column in _OF[key]]
    return np.column_stack(columns)
