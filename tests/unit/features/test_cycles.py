"""Life tables: closes, exposure and chances, against counting one deal and one day at a time."""

import numpy as np
import pytest

from closecast.features.cycles import AGES, CumulativeIncidence, CycleGrid

DAY = int(np.datetime64("2017-03-01").astype(np.int64))
NEVER = np.iinfo(np.int64).max


@pytest.fixture
def counted() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    engaged = DAY + random.integers(-40, 120, 80)
    closed = np.where(random.random(80) < 0.7, engaged + random.integers(0, 60, 80), NEVER)
    return engaged, closed, random.random(80) < 0.6


@pytest.mark.parametrize("days", [-50, 0, 1, 17, 90, 150])
def test_sums_are_those_of_counting_day_by_day(counted: tuple[np.ndarray, ...], days: int) -> None:
    # given
    engaged, closed, won = counted
    first = closed.min()
    closes, exposed = np.zeros((3, AGES), int), np.zeros((3, AGES), int)

    def month(day: int) -> int:
        return int(np.datetime64(int(day), "D").astype("M8[M]").astype(int)) % 3

    for begin, end in zip(engaged, closed, strict=True):
        for day in range(first, DAY + days):
            if begin <= day <= end:
                exposed[month(day), day - begin] += 1
            if day == end:
                closes[month(day), day - begin] += 1
    wins = sum(1 for end, is_won in zip(closed, won, strict=True) if is_won and end < DAY + days)
    # when: asked before and after, so that the sums were already further on
    grid = CycleGrid(engaged, closed, won, DAY + 200)
    grid.until(DAY + 100)
    found = grid.until(DAY + days)
    # then
    assert (found.closes == closes).all()
    assert (found.exposed == exposed).all()
    assert found.month_wins.sum() == wins
    assert found.month_closes.sum() == closes.sum()


def test_chances_rise_with_time_and_winning_never_outruns_closing(
    counted: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    # given
    cycles = CycleGrid(*counted, DAY + 200).until(DAY + 150)
    chances = CumulativeIncidence(cycles, DAY + 150)
    # when
    late = chances.within(366)
    # then
    before = (np.zeros(AGES), np.zeros(AGES))
    for days in range(1, 367):
        closed, won = chances.within(days)
        assert (closed >= before[0]).all()
        assert (won >= before[1]).all()
        assert (won <= closed).all()
        before = (closed, won)
    assert (late[0] <= 1).all()
    # and they do not depend on the order of asking
    again = CumulativeIncidence(cycles, DAY + 150)
    assert again.within(30)[1].tobytes() == chances.within(30)[1].tobytes()


def test_a_constant_hazard_gives_the_geometric_distribution() -> None:
    # given: each day a tenth of a great many deals closes
    engaged = np.repeat(DAY, 100_000)
    closed = DAY + np.random.default_rng(0).geometric(0.1, 100_000)
    cycles = CycleGrid(engaged, closed, np.ones(100_000, bool), DAY + 60).until(DAY + 60)
    # when
    chance, won = CumulativeIncidence(cycles, DAY).within(10)
    # then
    assert chance[0] == pytest.approx(1 - 0.9**10, abs=0.01)
    assert won[0] == pytest.approx(chance[0], abs=0.01)
