"""The horizon of a prediction: a number of days, or the end of the fiscal quarter.

An as-of date stands for the close of that day: what closed on it is known. So on the last day of a quarter that quarter
is over, and "the quarter's end" is the end of the next one. A horizon is therefore never 0.
"""

from datetime import date, timedelta
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from closecast.deals.calendar import CALENDAR_YEAR, FiscalCalendar

MAX_HORIZON_DAYS = 366
QUARTER_END: Literal["quarter_end"] = "quarter_end"
Horizon = int | Literal["quarter_end"]


def quarter_end_days(as_of: NDArray[np.datetime64], fiscal: FiscalCalendar = CALENDAR_YEAR) -> NDArray[np.int64]:
    """Days from each as-of date to the next quarter end after it: 1..92, shape (n,), int64."""
    # The following day's quarter: on a quarter's last day that is the next quarter.
    following: NDArray[np.datetime64] = np.asarray(as_of, dtype="M8[D]") + np.timedelta64(1, "D")  # type: ignore[assignment]
    return fiscal.days_to_quarter_end(following) + 1


def quarter_ahead(as_of: date, fiscal: FiscalCalendar = CALENDAR_YEAR) -> tuple[date, date]:
    """First and last day of the quarter that ends next after `as_of`; on a quarter's last day, the following one."""
    return fiscal.quarter(as_of + timedelta(days=1))


@lru_cache(maxsize=4096)
def horizon_days(as_of: date, horizon: Horizon, fiscal: FiscalCalendar = CALENDAR_YEAR) -> int:
    """The horizon in days: a number stays as it is, "quarter_end" is counted from `as_of` with the quarters of `fiscal`.

    Raises ValueError for days outside 1..MAX_HORIZON_DAYS and for any other word.
    """
    if isinstance(horizon, str):
        if horizon != QUARTER_END:
            raise ValueError(f'horizon {horizon!r} is neither a number of days nor "{QUARTER_END}"')
        return (quarter_ahead(as_of, fiscal)[1] - as_of).days
    checked(np.array([horizon], dtype=np.int64))
    return int(horizon)


def checked(days: NDArray[np.int64]) -> None:
    """Raise ValueError when a horizon lies outside 1..MAX_HORIZON_DAYS, naming the first such value."""
    wrong = (days < 1) | (days > MAX_HORIZON_DAYS)
    if wrong.any():
        raise ValueError(f"a horizon of {days[wrong][0]} days is outside 1 to {MAX_HORIZON_DAYS}")
