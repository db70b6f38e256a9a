"""What deals that do not exist yet will add: how many are won by a date, if one is engaged on each day until then."""

from datetime import date

import numpy as np

from closecast.deals.calendar import FiscalCalendar, day_number
from closecast.features.cohorts import hazard_factor
from closecast.features.cycles import AGES, Cycles


def wins(cycles: Cycles, as_of: date, by: date, fiscal: FiscalCalendar) -> float:
    """How many deals are won by `by` if one is engaged on each day after `as_of`, up to `by`.

    The chances to close on a day, by the deal's age and the month of the quarter, and to be won then are those of the
    life table (closecast.features.cycles, with its sources). `cycles` is what was known as of `as_of`. Newcomers are
    taken for a cohort like the one engaged last.
    """
    first, last = day_number(as_of) + 1, day_number(by)
    days = np.arange(first, last + 1)
    months = fiscal.month_of_quarter(days.astype("M8[D]")) - 1
    odds = cycles.cohorts.by_age(day_number(as_of), 1)[0]
    is_open = np.zeros(len(days))  # the share still open of the deal engaged on each day
    won = 0.0
    for at, month in enumerate(months.tolist()):
        is_open[at] = 1.0
        age = np.minimum(at - np.arange(at + 1), AGES - 1)
        hazard = cycles.hazard_by_month[month][age] * hazard_factor(cycles.can_close[age], odds)
        closing = is_open[: at + 1] * np.minimum(hazard, 1)
        is_open[: at + 1] -= closing
        won += float(closing.sum()) * float(cycles.win_rate_by_month[month])
    return won
