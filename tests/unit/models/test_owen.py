"""Owen values: those of the definition, and the four properties that an explanation lives on."""

from fractions import Fraction
from itertools import chain, permutations
from math import fsum

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from closecast.models.owen import owen_values

Members = NDArray[np.bool_]
Worths = dict[tuple[bool, ...], float]


def _by_definition(sizes: list[int], worth: Worths) -> list[Fraction]:
    """The mean of what each player adds over all orders in which no group is torn apart."""
    ends = np.cumsum(sizes).tolist()
    groups = [range(end - size, end) for size, end in zip(sizes, ends, strict=True)]
    added, orders = [Fraction(0)] * sum(sizes), 0
    for outer in permutations(groups):
        inner: list[list[int]] = [[]]
        for group in outer:
            inner = [[*before, *order] for before in inner for order in permutations(group)]
        for order in inner:
            members = [False] * sum(sizes)
            for player in order:
                before = Fraction(worth[tuple(members)])
                members[player] = True
                added[player] += Fraction(worth[tuple(members)]) - before
            orders += 1
    return [one / orders for one in added]


def _asked(worth: Worths, members: Members) -> NDArray[np.float64]:
    return np.array([worth[tuple(one)] for one in members.tolist()])


@st.composite
def games(draw: st.DrawFn) -> tuple[list[int], Worths]:
    sizes = draw(st.lists(st.integers(1, 3), min_size=0, max_size=3))
    players = sum(sizes)
    numbers = st.floats(0, 1, allow_subnormal=False)
    worth = draw(st.lists(numbers, min_size=2**players, max_size=2**players))
    return sizes, {tuple(bool(at >> bit & 1) for bit in range(players)): one for at, one in enumerate(worth)}


@given(games())
def test_they_are_those_of_the_definition_and_add_up(game: tuple[list[int], Worths]) -> None:
    sizes, worth = game
    # when
    found = owen_values(sizes, lambda members: _asked(worth, members))
    # then
    assert found == pytest.approx([float(one) for one in _by_definition(sizes, worth)], abs=1e-15)
    everybody, nobody = worth[(True,) * sum(sizes)], worth[(False,) * sum(sizes)]
    assert fsum([nobody, *found]) == pytest.approx(everybody, abs=1e-15)


@given(games())
def test_a_player_without_effect_gets_exactly_nothing(game: tuple[list[int], Worths]) -> None:
    sizes, worth = game
    # when another joins each group, who changes nothing
    wider = [size + 1 for size in sizes] or [1]
    idle = [end - 1 for end in np.cumsum(wider).tolist()]
    found = owen_values(wider, lambda members: _asked(worth, np.delete(members, idle, axis=1)))
    # then
    assert [found[at] for at in idle] == [0.0] * len(idle)


@given(games(), st.data())
def test_players_of_one_group_whom_nothing_tells_apart_get_the_same(
    game: tuple[list[int], Worths], data: st.DataObject
) -> None:
    # given
    sizes, worth = game
    wide = [at for at, size in enumerate(sizes) if size > 1]
    if not wide:
        return
    first = sum(sizes[: data.draw(st.sampled_from(wide))])

    def even(members: Members) -> NDArray[np.float64]:
        swapped = members.copy()
        swapped[:, [first, first + 1]] = members[:, [first + 1, first]]
        return _asked(worth, members) + _asked(worth, swapped)

    # when
    found = owen_values(sizes, even)
    # then
    assert found[first] == found[first + 1]


def test_like_groups_get_the_same_however_many_they_are() -> None:
    # given one for each group that is there whole
    def worth(members: Members) -> NDArray[np.float64]:
        return members[:, 0].astype(float) + members[:, 1:4].all(axis=1)

    # when
    found = owen_values([1, 3], worth)
    # then
    assert found == pytest.approx([1, *[1 / 3] * 3], abs=1e-15)
    assert found[1] == found[2] == found[3]


def test_the_first_coalition_is_nobody_and_the_last_everybody_and_each_is_asked_for_once() -> None:
    asked: list[Members] = []

    def worth(members: Members) -> NDArray[np.float64]:
        asked.append(members)
        heads: NDArray[np.float64] = members.sum(axis=1).astype(np.float64)
        return heads

    # when as many differ as two deals of one date and horizon can
    found = owen_values([3, 4, 4, 4, 2], worth)
    # then
    (members,) = asked
    assert not members[0].any()
    assert members[-1].all()
    assert len(members) == len(set(map(tuple, members.tolist()))) == 832
    owen_values([3, 4, 4, 4, 2, 5, 3], worth)
    assert len(asked.pop()) == 5_632
    assert found == pytest.approx([1.0] * 17)
    assert list(chain(owen_values([], lambda members: np.ones(len(members))))) == []
