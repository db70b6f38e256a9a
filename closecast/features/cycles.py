"""How long deals take: closes and deal-days at risk by age and month of the quarter, and the chances they imply.

A deal is at risk on each day from its engagement to its close, and from the export's first close on: nothing that
closed earlier is in it, so days before say nothing (left truncation). The chance to close within a horizon is the
life-table (Kaplan-Meier) estimate with hazards by age and month of the quarter; the chance to win weighs each day's
chance to close with the share won in that day's month of the quarter (Kalbfleisch and Prentice, The Statistical
Analysis of Failure Time Data, 2002, chapter 8: cumulative incidence of one of two competing outcomes). Deals engaged
when more never closed than usual close less often (closecast.features.cohorts).
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from closecast.deals.calendar import CALENDAR_YEAR, FiscalCalendar
from closecast.features.cohorts import Cohorts, hazard_factor, odds_of_never_closing

AGES = 732  # ages 0..731 days; an older deal counts as 731 days old
_MONTHS = 3
# Pseudo-counts: what a cell knows of its own outweighs what all months together say after about so many deal-days;
# that in turn outweighs a hazard of 0.5 % a day. Factors of five either way move no log loss by 0.001.
_CELL_DAYS = 20.0
_PRIOR_DAYS, _PRIOR_HAZARD = 20.0, 0.005
_PRIOR_CLOSES = 20.0
_AGE = np.arange(AGES)
_NEAR = np.where(_AGE > 3, 3, 0)  # the first days differ from each other; later ones from their neighbours hardly
_WIDE = np.maximum(3, _AGE // 4)

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Cycles:
    """Closes and exposure before a day.

    `closes` and `exposed` are by month of the quarter and age, (3, AGES), `month_closes` and `month_wins` by month of the
    quarter, (3,); int64. `cohorts` are the cohort effects known by then.
    """

    closes: Counts
    exposed: Counts
    month_closes: Counts
    month_wins: Counts
    cohorts: Cohorts

    @cached_property
    def win_rate(self) -> float:
        """Share won of all closes, half while there are none."""
        return float((self.month_wins.sum() + 1) / (self.month_closes.sum() + 2))

    @cached_property
    def win_rate_by_month(self) -> Floats:
        """Share won of the closes in each month of the quarter, (3,)."""
        shares: Floats = (self.month_wins + _PRIOR_CLOSES * self.win_rate) / (self.month_closes + _PRIOR_CLOSES)
        return shares

    @cached_property
    def by_age(self) -> Counts:
        """Closes by age, (AGES,)."""
        return np.asarray(self.closes.sum(axis=0), dtype=np.int64)

    @cached_property
    def hazard(self) -> Floats:
        """Chance of an open deal to close on one day at an age, all months together, (AGES,)."""
        closes, exposed = _around(self.by_age, _WIDE), _around(self.exposed.sum(axis=0), _WIDE)
        rate: Floats = (closes + _PRIOR_DAYS * _PRIOR_HAZARD) / (exposed + _PRIOR_DAYS)
        return rate

    @cached_property
    def can_close(self) -> Floats:
        """Chance that a deal still open at the beginning of an age ever closes, (AGES,); 0 beyond the longest cycle."""
        after = np.cumprod(1 - self.hazard)
        reached = np.flatnonzero(self.by_age)
        chance = np.zeros(AGES)
        if len(reached):
            open_at = np.concatenate([[1.0], after[:-1]])[: reached[-1] + 1]
            chance[: reached[-1] + 1] = 1 - after[reached[-1]] / open_at
        return chance

    @cached_property
    def hazard_by_month(self) -> Floats:
        """The hazard in each month of the quarter, (3, AGES)."""
        cells = [
            (_around(self.closes[month], _NEAR) + _CELL_DAYS * self.hazard)
            / (_around(self.exposed[month], _NEAR) + _CELL_DAYS)
            for month in range(_MONTHS)
        ]
        return np.stack(cells)


class CumulativeIncidence:
    """Chances that a deal of any age, open at an as-of date, has closed or been won after a number of days."""

    def __init__(self, cycles: Cycles, as_of: int, fiscal: FiscalCalendar = CALENDAR_YEAR) -> None:
        """`as_of` in days since 1970-01-01; `cycles` are by the months of the quarters of `fiscal`."""
        self._cycles, self._as_of, self._fiscal = cycles, as_of, fiscal
        nothing = np.zeros(AGES)
        self._after: list[tuple[Floats, Floats]] = [(nothing, nothing)]
        self._open = np.ones(AGES)
        self._odds = cycles.cohorts.by_age(as_of, AGES)

    def within(self, days: int) -> tuple[Floats, Floats]:
        """Chance to close, and to be won, within `days`, by age at the as-of date; both (AGES,), rising with `days`."""
        while len(self._after) <= days:
            ahead = len(self._after)
            month = int(self._fiscal.month_of_quarter(np.array([self._as_of + ahead]).astype("M8[D]"))[0]) - 1
            age = np.minimum(_AGE + ahead, AGES - 1)
            hazard = self._cycles.hazard_by_month[month][age] * hazard_factor(self._cycles.can_close[age], self._odds)
            closing = self._open * np.minimum(hazard, 1)
            closed, won = self._after[-1]
            self._after.append((closed + closing, won + closing * self._cycles.win_rate_by_month[month]))
            self._open = self._open - closing
        return self._after[days]


class CycleGrid:
    """Closes and exposure by day and age, summed up to any day; quickest when asked in the order of time."""

    def __init__(
        self,
        engaged: Counts,
        closed: Counts,
        won: NDArray[np.bool_],
        limit: int,
        fiscal: FiscalCalendar = CALENDAR_YEAR,
    ) -> None:
        """Days since 1970-01-01, shape (n,), `closed` beyond `limit` while open; nothing from `limit` on is known."""
        known = engaged < limit
        engaged, closed, won = engaged[known], closed[known], won[known]
        self._first = int(engaged.min()) if len(engaged) else limit
        length = limit - self._first
        ended = closed < limit
        day, age = closed[ended] - self._first, np.minimum(closed[ended] - engaged[ended], AGES - 1)
        self._closes = _counted(day * AGES + age, (length, AGES))
        self._month_closes = _counted(day, (length,))
        self._month_wins = _counted(day[won[ended]], (length,))
        self._exposed = _exposure(_counted(engaged - self._first, (length,)), self._closes)
        self._exposed[: int(day.min()) if len(day) else length] = 0
        days = np.arange(self._first, limit).astype("M8[D]")
        self._month = fiscal.month_of_quarter(days) - 1
        self._restart()

    def _restart(self) -> None:
        table, row = np.zeros((_MONTHS, AGES), np.int64), np.zeros(_MONTHS, np.int64)
        self._position, self._sums = 0, Cycles(table, table, row, row, Cohorts(self._first, np.zeros(0)))

    def until(self, day: int) -> Cycles:
        """Sums over all days strictly before `day` (days since 1970-01-01)."""
        position = max(0, day - self._first)
        if position < self._position:
            self._restart()
        if position > self._position:
            self._sums = self._added(slice(self._position, position))
            self._position = position
        return self._sums

    def _added(self, new: slice) -> Cycles:
        before = self._sums
        closes, exposed = before.closes.copy(), before.exposed.copy()
        month_closes, month_wins = before.month_closes.copy(), before.month_wins.copy()
        for month in range(_MONTHS):
            rows = np.flatnonzero(self._month[new] == month) + new.start
            closes[month] += self._closes[rows].sum(axis=0, dtype=np.int64)
            exposed[month] += self._exposed[rows].sum(axis=0, dtype=np.int64)
            month_closes[month] += self._month_closes[rows].sum()
            month_wins[month] += self._month_wins[rows].sum()
        cycles = Cycles(closes, exposed, month_closes, month_wins, before.cohorts)
        known = slice(0, new.stop)
        odds = odds_of_never_closing(
            self._closes[known], self._exposed[known], cycles.hazard_by_month, self._month[known], cycles.can_close
        )
        return replace(cycles, cohorts=Cohorts(self._first, odds))


def _counted(positions: Counts, shape: tuple[int, ...]) -> NDArray[np.int32]:
    return np.bincount(positions, minlength=int(np.prod(shape))).astype(np.int32).reshape(shape)


def _exposure(engaged: NDArray[np.int32], closes: NDArray[np.int32]) -> NDArray[np.int32]:
    """Deals at risk by day and age: those engaged that many days before and not closed on an earlier day."""
    exposed = np.zeros_like(closes)
    for day in range(len(engaged)):
        if day:
            still = exposed[day - 1] - closes[day - 1]
            exposed[day, 1:] = still[:-1]
            exposed[day, -1] += still[-1]
        exposed[day, 0] = engaged[day]
    return exposed


def _around(counts: Counts, reach: Counts) -> Counts:
    """Sum of `counts`, (AGES,), over each age and its neighbours up to `reach` days away."""
    # Age 0 is the day of engagement: what closes then was never open at the end of a day.
    summed = np.concatenate([[0], np.cumsum(counts)])
    low, high = np.minimum(np.maximum(_AGE - reach, 1), _AGE), np.minimum(_AGE + reach, AGES - 1)
    return np.asarray(summed[high + 1] - summed[low], dtype=np.int64)
