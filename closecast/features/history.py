"""What had happened before an as-of date: the closed deals of an export, arranged so that any date is answered quickly."""

import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecast.deals.calendar import CALENDAR_YEAR, FiscalCalendar, day_number
from closecast.features.cycles import CycleGrid, Cycles
from closecast.features.tallies import Tallies, Totals

Codes = NDArray[np.int64]
ENTITIES = ("sales_agent", "product", "account")
COLUMNS = ("opportunity_id", *ENTITIES, "deal_stage", "engage_date", "close_date", "close_value")
WINDOW_DAYS = 90
_NEVER = np.iinfo(np.int64).max
UNNAMED = -1  # the code of an account that is missing


@dataclass(frozen=True)
class Subjects:
    """Deals to build features of, in the codes of one History; arrays of shape (n,).

    A name that the history does not know has the code one past the last: nothing is known of it, as of a newcomer.
    """

    engaged: NDArray[np.int64]  # days since 1970-01-01
    agent: Codes
    product: Codes
    account: Codes  # UNNAMED where missing
    lot: NDArray[np.float64]  # 0..1, decides which account's history stands in for a missing one

    def __len__(self) -> int:
        return len(self.engaged)


@dataclass(frozen=True)
class Before:
    """All that closed strictly before one as-of date: how long deals took, and what agents, products, accounts did."""

    as_of: int  # days since 1970-01-01
    fiscal: FiscalCalendar
    cycles: Cycles
    totals: dict[str, Totals]  # by ENTITIES
    recent: dict[str, Totals]  # the last WINDOW_DAYS of it
    deck: Codes  # the account of each closed deal that names one


class History:
    """Closed and open deals of one export, known until a date. Answers are immutable; safe from several threads."""

    def __init__(self, deals: pd.DataFrame, known_until: date, fiscal: FiscalCalendar = CALENDAR_YEAR) -> None:
        """`deals` are accepted deals (closecast.deals.contract), with at least COLUMNS; quarters are those of `fiscal`.

        Nothing later than `known_until` is known: as of later dates, history stands still there. Raises ValueError
        when a column is missing.
        """
        missing = [name for name in COLUMNS if name not in deals.columns]
        if missing:
            raise ValueError(f"the deals lack the column {', '.join(missing)}")
        self.known_until, self.fiscal = known_until, fiscal
        self._limit = day_number(known_until) + 1
        deals = deals[deals["engage_date"].notna()]
        engaged, closed = _days(deals["engage_date"]), _days(deals["close_date"])
        won = (deals["deal_stage"] == "Won").to_numpy()
        self._grid = CycleGrid(engaged, closed, won, self._limit, fiscal)
        is_closed = closed < self._limit
        # Within a day the identifier decides, so that the order of rows in a file never does.
        order = np.flatnonzero(is_closed)[
            np.lexsort((deals.loc[is_closed, "opportunity_id"].to_numpy(dtype=str), closed[is_closed]))
        ]
        facts = np.column_stack(
            [
                np.ones(len(order), np.int64),
                won[order],
                closed[order] - engaged[order],
                _cents(deals["close_value"].to_numpy(dtype=np.float64)[order]) * won[order],
            ]
        )
        self._codes: dict[str, dict[str, int]] = {}
        self._tallies: dict[str, Tallies] = {}
        for name in ENTITIES:
            texts = deals[name].to_numpy(dtype=object)
            names = sorted({text for text in texts if isinstance(text, str)})
            codes = self._codes[name] = {text: code for code, text in enumerate(names)}
            coded = _encode(texts, codes)[order]
            known = coded != UNNAMED
            self._tallies[name] = Tallies(closed[order][known], coded[known], facts[known], len(names) + 1)
        self._lock = threading.Lock()

    def before(self, as_of: date | np.datetime64) -> Before:
        """What was known strictly before `as_of`. Quickest when asked in the order of time."""
        day = day_number(as_of)
        limit = min(day, self._limit)
        with self._lock:
            return Before(
                as_of=day,
                fiscal=self.fiscal,
                cycles=self._grid.until(limit),
                totals={name: self._tallies[name].until(limit) for name in ENTITIES},
                recent={name: self._tallies[name].between(limit - WINDOW_DAYS, limit) for name in ENTITIES},
                deck=self._tallies["account"].entities_until(limit),
            )

    def subjects(self, deals: pd.DataFrame) -> Subjects:
        """`deals`, with an engage date each, in this history's codes. Columns: opportunity_id, engage_date, ENTITIES.

        Raises ValueError when an engage date is missing.
        """
        engaged = _days(deals["engage_date"])
        if (engaged == _NEVER).any():
            raise ValueError(f"{int((engaged == _NEVER).sum())} deals have no engage date; leave them out")
        names = {}
        for entity in ENTITIES:
            positions, distinct = pd.factorize(deals[entity].to_numpy(dtype=object))
            names[entity] = positions.astype(np.int64), distinct.tolist()
        identifiers = deals["opportunity_id"].to_numpy(dtype=object)
        return self.subjects_of(engaged, names, lambda rows: identifiers[rows].tolist())

    def subjects_of(
        self,
        engaged: NDArray[np.int64],
        names: Mapping[str, tuple[NDArray[np.int64], list[str | None]]],
        identifiers: Callable[[NDArray[np.int64]], list[str | None]],
    ) -> Subjects:
        """The same from days since 1970, (n,), and ENTITIES that are encoded already: positions, (n,), -1 where missing, in
        distinct names. `identifiers` gives those of the rows it is asked for: only of deals without an account."""
        codes = {}
        for entity, (positions, distinct) in names.items():
            # Only an account may be missing; without an agent or product a deal is as if theirs were new.
            missing = UNNAMED if entity == "account" else len(self._codes[entity])
            found = [self._codes[entity].get(text, len(self._codes[entity])) if text else missing for text in distinct]
            codes[entity] = np.array([*found, missing], dtype=np.int64)[positions]
        lots = np.zeros(len(engaged))
        unnamed = np.flatnonzero(codes["account"] == UNNAMED)
        lots[unnamed] = [lot(text) for text in identifiers(unnamed)]
        return Subjects(engaged, codes["sales_agent"], codes["product"], codes["account"], lots)

    def code(self, entity: str, text: str | None) -> tuple[int, bool]:
        """The code of one name of `entity`, and whether the history knows it."""
        codes = self._codes[entity]
        if text is None:
            return (UNNAMED if entity == "account" else len(codes)), False
        found = codes.get(text)
        return (len(codes), False) if found is None else (found, True)


def lot(opportunity_id: str | None) -> float:
    """A number in 0..1 that only the identifier decides: the same deal draws the same everywhere."""
    return zlib.crc32((opportunity_id or "").encode()) / 2**32


def _encode(texts: NDArray[Any], codes: dict[str, int]) -> Codes:
    # Each distinct name is looked up once: of millions of deals, few are distinct.
    positions, distinct = pd.factorize(texts)
    found = np.array([codes.get(text, len(codes)) for text in distinct] + [UNNAMED], dtype=np.int64)
    return found[positions]


def _days(dates: "pd.Series[pd.Timestamp]") -> NDArray[np.int64]:
    days = dates.to_numpy(dtype="M8[D]")
    return np.where(np.isnat(days), _NEVER, days.astype(np.int64))


def _cents(amounts: NDArray[np.float64]) -> NDArray[np.int64]:
    # Whole numbers add up to the same in any order; floats do not.
    return np.rint(np.nan_to_num(amounts) * 100).astype(np.int64)
