"""Calendar arithmetic on whole arrays of days: where in its month and its fiscal quarter a day lies."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Days = NDArray[np.datetime64]  # datetime64[D]
Counts = NDArray[np.int64]
NEVER = np.iinfo(np.int64).max  # the day of what has not happened
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class FiscalCalendar:
    """The quarters of a fiscal year that begins with the first day of `first_month`, 1 (January) to 12.

    Raises ValueError for another month. Years that begin one or more quarters apart have the same quarters.
    """

    first_month: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.first_month <= 12:
            raise ValueError(f"a fiscal year begins with a month from 1 (January) to 12, not {self.first_month!r}")

    @property
    def phase(self) -> int:
        """0, 1 or 2: how many months its quarters are behind those that begin in January."""
        return (self.first_month - 1) % 3

    def month_of_quarter(self, days: Days) -> Counts:
        """1, 2 or 3: which month of its quarter each day lies in. Shape (n,), int64."""
        # Months count from January 1970.
        return (days.astype("M8[M]").astype(np.int64) - self.phase) % 3 + 1

    def days_to_quarter_end(self, days: Days) -> Counts:
        """Whole days from each day to the last day of its quarter, 0 on that day. Shape (n,), int64."""
        months = days.astype("M8[M]")
        following = (months + 3 - (self.month_of_quarter(days) - 1)).astype("M8[D]")
        return (following - days).astype(np.int64) - 1

    def quarter(self, day: date) -> tuple[date, date]:
        """First and last day of the quarter in which `day` lies."""
        days = np.array([day], dtype="M8[D]")
        first = (days.astype("M8[M]") - (self.month_of_quarter(days) - 1)).astype("M8[D]")
        return first[0].item(), (days + self.days_to_quarter_end(days))[0].item()


CALENDAR_YEAR = FiscalCalendar()


def days_to_month_end(days: Days) -> Counts:
    """Whole days from each day to the last day of its month, 0 on that day. Shape (n,), int64."""
    following = (days.astype("M8[M]") + 1).astype("M8[D]")
    return (following - days).astype(np.int64) - 1


def day_number(day: date | np.datetime64) -> int:
    """Days since 1970-01-01."""
    if isinstance(day, date):
        return day.toordinal() - _EPOCH
    return int(np.asarray(day, dtype="M8[D]").astype(np.int64))


def day_numbers(dates: "pd.Series[pd.Timestamp]") -> Counts:
    """Days since 1970-01-01 of each date, NEVER where it is missing. Shape (n,), int64."""
    days = dates.to_numpy(dtype="M8[D]")
    return np.where(np.isnat(days), NEVER, days.astype(np.int64))
