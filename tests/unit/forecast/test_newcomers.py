"""Deals that do not exist yet, beside the life table's own chances and a world that is simulated."""

from datetime import date, timedelta

import numpy as np
import pytest

from closecast.deals.calendar import CALENDAR_YEAR, day_number
from closecast.features import History
from closecast.features.cycles import CumulativeIncidence, CycleGrid
from closecast.forecast import newcomers

AS_OF = date(2017, 5, 10)


def test_a_newcomer_has_the_chance_of_the_life_table(history: History) -> None:
    # given a quarter of one day: the deal is engaged on it and closes at once or not
    cycles = history.before(AS_OF).cycles
    one = newcomers.wins(cycles, AS_OF, AS_OF + timedelta(days=1), CALENDAR_YEAR)
    # then it is the hazard of age 0, and what a later day adds is what a deal of age 0 is won with within one day
    two = newcomers.wins(cycles, AS_OF, AS_OF + timedelta(days=2), CALENDAR_YEAR)
    assert 0 < one < two
    later = newcomers.wins(cycles, AS_OF, date(2017, 9, 30), CALENDAR_YEAR)
    assert later > newcomers.wins(cycles, AS_OF, date(2017, 6, 30), CALENDAR_YEAR) > two


def test_a_cohort_is_won_as_the_cumulative_incidence_says(history: History) -> None:
    # given the difference between two forecasts of newcomers that differ by one day of engagement
    cycles, by = history.before(AS_OF).cycles, AS_OF + timedelta(days=40)
    first = newcomers.wins(cycles, AS_OF, by, CALENDAR_YEAR) - newcomers.wins(
        cycles, AS_OF + timedelta(days=1), by, CALENDAR_YEAR
    )
    # then that deal is won at once, or within the days that are left
    chance = CumulativeIncidence(cycles, day_number(AS_OF) + 1, CALENDAR_YEAR).within(39)[1][0]
    month = int(CALENDAR_YEAR.month_of_quarter(np.array([AS_OF + timedelta(days=1)], dtype="M8[D]"))[0]) - 1
    at_once = float(cycles.hazard_by_month[month][0])
    expected = at_once * float(cycles.win_rate_by_month[month]) + (1 - at_once) * float(chance)
    # the odds of the newest cohort, and not those of deals engaged a day later, make the rest
    assert first == pytest.approx(expected, rel=0.05)


def test_a_steady_world_goes_on_as_it_was() -> None:
    # given: ten deals a day, each of which closes with a tenth a day, and of those that close 60 % are won
    random = np.random.default_rng(4)
    begin = day_number(date(2016, 1, 1))
    engaged = np.repeat(np.arange(begin, begin + 600), 10)
    closed = engaged + random.geometric(0.1, len(engaged))
    won = random.random(len(engaged)) < 0.6
    as_of = date(2017, 4, 1)
    # when
    cycles = CycleGrid(engaged, closed, won, begin + 600).until(day_number(as_of) + 1)
    expected = 10 * newcomers.wins(cycles, as_of, date(2017, 6, 30), CALENDAR_YEAR)
    # then as many are won as in the world itself
    later = (engaged > day_number(as_of)) & won & (closed <= day_number(date(2017, 6, 30)))
    assert expected == pytest.approx(int(later.sum()), rel=0.1)
