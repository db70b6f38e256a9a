"""Snapshots: every deal open at an as-of date, with a horizon and the label that is known since."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecast.deals.calendar import CALENDAR_YEAR, FiscalCalendar
from closecast.deals.horizon import Horizon, horizon_days

DEFAULT_HORIZONS: tuple[Horizon, ...] = (7, 14, 30, 60, 90, "quarter_end")
_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Snapshots:
    """One entry for each (deal, as-of date, horizon), all arrays of shape (n,).

    A deal is open at t when engage_date <= t and it has no close_date <= t. `won` is 1 when it closes Won within the
    half-open window t < close_date <= t + horizon, else 0.
    """

    deal: NDArray[np.int64]  # position in the deals given
    engage_dates: NDArray[np.datetime64]  # datetime64[D]
    as_of: NDArray[np.datetime64]  # datetime64[D]
    horizon_days: NDArray[np.int64]
    won: NDArray[np.int8]
    deals_in_all: int  # deals with such rows before sampling

    def __len__(self) -> int:
        return len(self.deal)

    def between(self, first: int, last: int) -> "Snapshots":
        """The rows from `first` to `last` (exclusive)."""
        part = slice(first, last)
        return Snapshots(
            self.deal[part],
            self.engage_dates[part],
            self.as_of[part],
            self.horizon_days[part],
            self.won[part],
            self.deals_in_all,
        )

    def deals(self) -> int:
        """The number of distinct deals."""
        return len(np.unique(self.deal))

    def window_ends(self) -> NDArray[np.datetime64]:
        """Last day on which each row's label could change, datetime64[D]."""
        ends: NDArray[np.datetime64] = self.as_of + self.horizon_days * _DAY
        return ends


def data_end(deals: pd.DataFrame) -> date:
    """The last date in the export: nothing after it is known. Raises ValueError when no deal has a date."""
    last = deals[["engage_date", "close_date"]].max().max()
    if pd.isna(last):
        raise ValueError("no deal has an engage date: all are Prospecting, and nothing can be learnt from them")
    return pd.Timestamp(last).date()


def weekly_as_of_dates(first: date, last: date) -> NDArray[np.datetime64]:
    """Every seventh day from `first` to `last`, both included where the steps meet them. datetime64[D]."""
    return np.arange(np.datetime64(first, "D"), np.datetime64(last, "D") + _DAY, 7 * _DAY)


def training_rows(
    deals: pd.DataFrame,
    as_of_dates: NDArray[np.datetime64],
    horizons: Sequence[Horizon],
    end: date,
    fiscal: FiscalCalendar = CALENDAR_YEAR,
    most: int | None = None,
) -> Snapshots:
    """Make labelled rows for each (deal open at t, t, h), t from `as_of_dates` and h from `horizons`, where t + h <= `end`.

    `deals` are accepted deals (closecast.deals.contract); those without an engage date are never open. Horizons are
    days or "quarter_end" (of `fiscal`); a number of days that two of them share at one date gives one row. Rows are
    ordered by as-of date, horizon, deal. If there would be more than `most`, deals are sampled systematically, for
    about `most` rows in all: each deal with all of its rows or none. The same deals are drawn each time.
    """
    engaged = deals["engage_date"].to_numpy(dtype="M8[D]")
    closed = deals["close_date"].to_numpy(dtype="M8[D]")
    won = (deals["deal_stage"] == "Won").to_numpy()
    asked = _asked(as_of_dates, horizons, end, fiscal)
    # Count before making any row: a million deals would have a hundred million.
    rows, seen = 0, np.zeros(len(deals), dtype=np.bool_)
    for moment, windows in asked:
        is_open = _open(engaged, closed, moment)
        rows += int(is_open.sum()) * len(windows)
        seen |= is_open
    drawn = np.ones(len(deals), dtype=np.bool_)
    if most is not None and rows > most:
        drawn = np.random.default_rng(0).random(len(deals)) < most / rows
    parts: list[Snapshots] = []
    for moment, windows in asked:
        positions = np.flatnonzero(_open(engaged, closed, moment) & drawn)
        count = len(positions)
        parts += [
            Snapshots(
                deal=positions,
                engage_dates=engaged[positions],
                as_of=np.full(count, moment),
                horizon_days=np.full(count, days, dtype=np.int64),
                won=(won[positions] & (closed[positions] <= moment + days * _DAY)).astype(np.int8),
                deals_in_all=0,
            )
            for days in windows
        ]
    return _concatenated(parts, int(seen.sum()))


def _asked(
    as_of_dates: NDArray[np.datetime64], horizons: Sequence[Horizon], end: date, fiscal: FiscalCalendar
) -> list[tuple[np.datetime64, list[int]]]:
    """Each as-of date with the horizons, in days, that end by `end`; dates without any are left out."""
    last = np.datetime64(end, "D")
    asked = []
    for moment in np.asarray(as_of_dates, dtype="M8[D]"):
        different = sorted({horizon_days(moment.item(), horizon, fiscal) for horizon in horizons})
        if windows := [days for days in different if moment + days * _DAY <= last]:
            asked.append((moment, windows))
    return asked


def _open(engaged: NDArray[np.datetime64], closed: NDArray[np.datetime64], moment: np.datetime64) -> NDArray[np.bool_]:
    # Comparisons with a missing date are false: such a deal is not engaged, and not closed.
    return np.asarray((engaged <= moment) & ~(closed <= moment))


def _concatenated(parts: list[Snapshots], deals_in_all: int) -> Snapshots:
    if not parts:
        no_days = np.empty(0, dtype="M8[D]")
        nothing = np.empty(0, dtype=np.int64)
        return Snapshots(nothing, no_days, no_days, nothing, np.empty(0, dtype=np.int8), deals_in_all)
    return Snapshots(
        deal=np.concatenate([part.deal for part in parts]),
        engage_dates=np.concatenate([part.engage_dates for part in parts]),
        as_of=np.concatenate([part.as_of for part in parts]),
        horizon_days=np.concatenate([part.horizon_days for part in parts]),
        won=np.concatenate([part.won for part in parts]),
        deals_in_all=deals_in_all,
    )
