"""Snapshots: every deal open at an as-of date, asked about a horizon, with the label that time has shown since."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecast.features.calendar import CALENDAR_YEAR, FiscalCalendar
from closecast.features.horizon import Horizon, horizon_days

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

    def __len__(self) -> int:
        return len(self.deal)

    def window_ends(self) -> NDArray[np.datetime64]:
        """Last day on which each row's label could change, datetime64[D]."""
        ends: NDArray[np.datetime64] = self.as_of + self.horizon_days * _DAY
        return ends

    def known_before(self, cut: date) -> "Snapshots":
        """Rows whose label window ended before `cut`: what could have been learnt from by then (the embargo)."""
        return self.where(self.window_ends() < np.datetime64(cut, "D"))

    def seen_from(self, cut: date) -> "Snapshots":
        """Rows with as-of dates on or after `cut`."""
        return self.where(self.as_of >= np.datetime64(cut, "D"))

    def where(self, kept: NDArray[np.bool_]) -> "Snapshots":
        """The rows for which `kept` is true."""
        return Snapshots(
            self.deal[kept], self.engage_dates[kept], self.as_of[kept], self.horizon_days[kept], self.won[kept]
        )


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
) -> Snapshots:
    """Labelled rows for each (deal open at t, t, h), t from `as_of_dates` and h from `horizons`, where t + h <= `end`.

    `deals` are accepted deals (closecast.deals.contract); those without an engage date are never open. Horizons are
    days or "quarter_end" (of `fiscal`); a number of days that two of them share at one date gives one row. Rows are ordered by as-of
    date, horizon, deal.
    """
    engaged = deals["engage_date"].to_numpy(dtype="M8[D]")
    closed = deals["close_date"].to_numpy(dtype="M8[D]")
    won = (deals["deal_stage"] == "Won").to_numpy()
    last = np.datetime64(end, "D")
    parts: list[Snapshots] = []
    for moment in np.asarray(as_of_dates, dtype="M8[D]"):
        # Comparisons with a missing date are false: such a deal is not engaged, and not closed.
        positions = np.flatnonzero((engaged <= moment) & ~(closed <= moment))
        for days in sorted({horizon_days(moment.item(), horizon, fiscal) for horizon in horizons}):
            window_end = moment + days * _DAY
            if window_end > last:
                continue
            count = len(positions)
            parts.append(
                Snapshots(
                    deal=positions,
                    engage_dates=engaged[positions],
                    as_of=np.full(count, moment),
                    horizon_days=np.full(count, days, dtype=np.int64),
                    won=(won[positions] & (closed[positions] <= window_end)).astype(np.int8),
                )
            )
    return _concatenated(parts)


def _concatenated(parts: list[Snapshots]) -> Snapshots:
    if not parts:
        no_days = np.empty(0, dtype="M8[D]")
        nothing = np.empty(0, dtype=np.int64)
        return Snapshots(nothing, no_days, no_days, nothing, np.empty(0, dtype=np.int8))
    return Snapshots(
        deal=np.concatenate([part.deal for part in parts]),
        engage_dates=np.concatenate([part.engage_dates for part in parts]),
        as_of=np.concatenate([part.as_of for part in parts]),
        horizon_days=np.concatenate([part.horizon_days for part in parts]),
        won=np.concatenate([part.won for part in parts]),
    )
