"""The closed deals of an export, indexed by time: what was known before any as-of date, without leakage."""

import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecast.deals import stages
from closecast.deals.calendar import CALENDAR_YEAR, NEVER, FiscalCalendar, day_number, day_numbers
from closecast.features.cycles import CycleGrid, Cycles
from closecast.features.running_totals import RunningTotals, Totals
from closecast.features.stages import StageHistories, StageRecord

Codes = NDArray[np.int64]
ENTITIES = ("sales_agent", "product", "account")
COLUMNS = ("opportunity_id", *ENTITIES, "deal_stage", "engage_date", "close_date", "close_value")
WINDOW_DAYS = 90
MISSING_ACCOUNT = -1  # the code of an account that is missing


@dataclass(frozen=True)
class EncodedDeals:
    """Deals with their names encoded as the codes of one History; arrays of shape (n,).

    A name that the history does not know has the code one past the last, as a newcomer has.
    """

    engaged: NDArray[np.int64]  # days since 1970-01-01
    agent: Codes
    product: Codes
    account: Codes  # MISSING_ACCOUNT where missing
    draw: NDArray[np.float64]  # 0..1, selects the donor of a missing account
    stages: StageHistories | None = None  # None where no deal has a history that the features use

    def __len__(self) -> int:
        return len(self.engaged)


@dataclass(frozen=True)
class ClosedBefore:
    """The deals that closed strictly before one as-of date: cycle times, and totals by agent, product and account."""

    as_of: int  # days since 1970-01-01
    fiscal: FiscalCalendar
    cycles: Cycles
    totals: dict[str, Totals]  # by ENTITIES
    recent: dict[str, Totals]  # of the last WINDOW_DAYS
    donor_pool: Codes  # the account of each closed deal that has one
    stages: Totals | None = None  # by stage, and for a new one; None where the export has no stage history


class History:
    """Closed and open deals of one export, known until a date. Answers are immutable; safe from several threads."""

    def __init__(self, deals: pd.DataFrame, known_until: date, fiscal: FiscalCalendar = CALENDAR_YEAR) -> None:
        """`deals` are accepted deals (closecast.deals.contract), with at least COLUMNS; quarters are those of `fiscal`.

        A column of stage histories (closecast.deals.stages) is used where there is one.

        Nothing later than `known_until` is known: as of later dates, history stands still there. Raises ValueError
        when a column is missing.
        """
        missing = [name for name in COLUMNS if name not in deals.columns]
        if missing:
            raise ValueError(f"the deals lack the column {', '.join(missing)}")
        self.known_until, self.fiscal = known_until, fiscal
        self._limit = day_number(known_until) + 1
        deals = deals[deals["engage_date"].notna()]
        engaged, closed = day_numbers(deals["engage_date"]), day_numbers(deals["close_date"])
        won = (deals["deal_stage"] == "Won").to_numpy()
        self._grid = CycleGrid(engaged, closed, won, self._limit, fiscal)
        is_closed = closed < self._limit
        # Within a day, order by identifier: the order of rows in a file must not matter.
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
        self._running_totals: dict[str, RunningTotals] = {}
        for name in ENTITIES:
            texts = deals[name].to_numpy(dtype=object)
            names = sorted({text for text in texts if isinstance(text, str)})
            codes = self._codes[name] = {text: code for code, text in enumerate(names)}
            coded = _encode(texts, codes)[order]
            known = coded != MISSING_ACCOUNT
            self._running_totals[name] = RunningTotals(closed[order][known], coded[known], facts[known], len(names) + 1)
        kept = _texts(deals)
        self.stages = None if kept is None else StageRecord(kept, deals["opportunity_id"].to_list(), closed, won)
        self._lock = threading.Lock()

    def before(self, as_of: date | np.datetime64) -> ClosedBefore:
        """What was known strictly before `as_of`. Fastest when called in the order of time."""
        day = day_number(as_of)
        limit = min(day, self._limit)
        with self._lock:
            return ClosedBefore(
                as_of=day,
                fiscal=self.fiscal,
                cycles=self._grid.until(limit),
                totals={name: self._running_totals[name].until(limit) for name in ENTITIES},
                recent={name: self._running_totals[name].between(limit - WINDOW_DAYS, limit) for name in ENTITIES},
                donor_pool=self._running_totals["account"].entities_until(limit),
                stages=None if self.stages is None else self.stages.until(limit),
            )

    def encode(self, deals: pd.DataFrame) -> EncodedDeals:
        """Encode `deals`, which need an engage date each. Columns: opportunity_id, engage_date, ENTITIES.

        Their stage histories are those of the frame. Raises ValueError when an engage date is missing.
        """
        engaged = day_numbers(deals["engage_date"])
        if (engaged == NEVER).any():
            raise ValueError(f"{int((engaged == NEVER).sum())} deals have no engage date; leave them out")
        names = {}
        for entity in ENTITIES:
            positions, distinct = pd.factorize(deals[entity].to_numpy(dtype=object))
            names[entity] = positions.astype(np.int64), distinct.tolist()
        identifiers = deals["opportunity_id"].to_numpy(dtype=object)
        encoded = self.encode_columns(engaged, names, lambda rows: identifiers[rows].tolist())
        texts = None if self.stages is None else _texts(deals)
        if self.stages is None or texts is None:
            return encoded
        entries = [stages.read(text) if text else None for text in texts]
        return replace(encoded, stages=StageHistories.of(entries, self.stages.code))

    def encode_columns(
        self,
        engaged: NDArray[np.int64],
        names: Mapping[str, tuple[NDArray[np.int64], list[str | None]]],
        identifiers: Callable[[NDArray[np.int64]], list[str | None]],
    ) -> EncodedDeals:
        """Encode deals from columns that are dictionary-encoded already.

        `engaged` are days since 1970-01-01, (n,); `names` maps each of ENTITIES to positions, (n,), -1 where missing,
        and the distinct names they index. `identifiers` returns those of given rows; it is called only for deals
        without an account.
        """
        codes = {}
        for entity, (positions, distinct) in names.items():
            # Only an account may be missing; a missing agent or product counts as new.
            missing = MISSING_ACCOUNT if entity == "account" else len(self._codes[entity])
            found = [self._codes[entity].get(text, len(self._codes[entity])) if text else missing for text in distinct]
            codes[entity] = np.array([*found, missing], dtype=np.int64)[positions]
        draws = np.zeros(len(engaged))
        unnamed = np.flatnonzero(codes["account"] == MISSING_ACCOUNT)
        draws[unnamed] = [uniform_draw(text) for text in identifiers(unnamed)]
        return EncodedDeals(engaged, codes["sales_agent"], codes["product"], codes["account"], draws)

    def code(self, entity: str, text: str | None) -> tuple[int, bool]:
        """The code of one name of `entity`, and whether the history knows it."""
        codes = self._codes[entity]
        if text is None:
            return (MISSING_ACCOUNT if entity == "account" else len(codes)), False
        found = codes.get(text)
        return (len(codes), False) if found is None else (found, True)


def uniform_draw(opportunity_id: str | None) -> float:
    """A uniform number in [0, 1), derived from the identifier alone: every process draws the same for a deal."""
    return zlib.crc32((opportunity_id or "").encode()) / 2**32


def _texts(deals: pd.DataFrame) -> list[str | None] | None:
    """The texts of the deals' stage histories; None where there are none."""
    if stages.HISTORY not in deals or not deals[stages.HISTORY].notna().any():
        return None
    column = deals[stages.HISTORY].to_numpy(dtype=object)
    return [text if isinstance(text, str) else None for text in column]


def _encode(texts: NDArray[Any], codes: dict[str, int]) -> Codes:
    # Look up each distinct name once: millions of deals have few distinct names.
    positions, distinct = pd.factorize(texts)
    found = np.array([codes.get(text, len(codes)) for text in distinct] + [MISSING_ACCOUNT], dtype=np.int64)
    return found[positions]


def _cents(amounts: NDArray[np.float64]) -> NDArray[np.int64]:
    # Sums of whole numbers don't depend on the order; sums of floats do.
    return np.rint(np.nan_to_num(amounts) * 100).astype(np.int64)
