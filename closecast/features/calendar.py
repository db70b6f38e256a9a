"""Calendar arithmetic on whole arrays of days: where in its month and quarter a day lies."""

from datetime import date

import numpy as np
from numpy.typing import NDArray

Days = NDArray[np.datetime64]  # datetime64[D]
Counts = NDArray[np.int64]
_EPOCH = date(1970, 1, 1).toordinal()


def days_to_month_end(days: Days) -> Counts:
    """Whole days from each day to the last day of its month, 0 on that day. Shape (n,), int64."""
    following = (days.astype("M8[M]") + 1).astype("M8[D]")
    return (following - days).astype(np.int64) - 1


def days_to_quarter_end(days: Days) -> Counts:
    """Whole days from each day to the last day of its calendar quarter, 0 on that day. Shape (n,), int64."""
    months = days.astype("M8[M]")
    following = (months + 3 - (month_of_quarter(days) - 1)).astype("M8[D]")
    return (following - days).astype(np.int64) - 1


def month_of_quarter(days: Days) -> Counts:
    """1, 2 or 3: which month of its quarter each day lies in. Shape (n,), int64."""
    # Months count from January 1970, itself the first of a quarter.
    return days.astype("M8[M]").astype(np.int64) % 3 + 1


def day_number(day: date | np.datetime64) -> int:
    """Days since 1970-01-01."""
    if isinstance(day, date):
        return day.toordinal() - _EPOCH
    return int(np.asarray(day, dtype="M8[D]").astype(np.int64))
