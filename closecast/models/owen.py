"""Owen values: the contribution of each player to a game whose players form groups.

Owen, "Values of games with a priori unions", 1977. Shapley's value among groups, and within each group again: the one
division in which what is added up is all there is, a player who changes nothing gets nothing, players and groups that
cannot be told apart get the same, and a group gets what it would get as one player.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, combinations
from math import factorial, fsum
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Members = NDArray[np.bool_]
_T = TypeVar("_T")


def owen_values(sizes: Sequence[int], worth: Callable[[Members], Floats]) -> list[float]:
    """The Owen value of each player; players are ordered group after group, of `sizes` (each 1 or more).

    `worth` is called once, with the members of n coalitions, (n, players), and returns their worth, (n,); the first
    coalition is empty, the last complete. A player without effect gets exactly 0, interchangeable players get exactly
    the same. The rest is exact to rounding.
    """
    plan = _plan(tuple(sizes))
    found = worth(plan.coalitions)
    return [
        fsum((weights * (found[with_] - found[without])).tolist())
        for weights, with_, without in zip(plan.weights, plan.with_, plan.without, strict=True)
    ]


@dataclass(frozen=True)
class _Plan:
    """The coalitions needed, (n, players), and for each player the pairs that differ by this player, with weights."""

    coalitions: Members
    with_: tuple[NDArray[np.int64], ...]
    without: tuple[NDArray[np.int64], ...]
    weights: tuple[Floats, ...]


@lru_cache(maxsize=256)
def _plan(sizes: tuple[int, ...]) -> _Plan:
    ends = np.cumsum(sizes, dtype=np.int64).tolist()
    groups = [range(end - size, end) for size, end in zip(sizes, ends, strict=True)]
    places: dict[frozenset[int], int] = {frozenset(): 0}
    with_, without, weights = [], [], []
    for own in groups:
        others = [group for group in groups if group is not own]
        for player in own:
            rest = [one for one in own if one != player]
            steps = [
                (frozenset(chain(*joined, beside)), _weight(len(joined), len(others)) * _weight(len(beside), len(rest)))
                for joined in _subsets(others)
                for beside in _subsets(rest)
            ]
            without.append(np.array([places.setdefault(one, len(places)) for one, _ in steps]))
            with_.append(np.array([places.setdefault(one | {player}, len(places)) for one, _ in steps]))
            weights.append(np.array([weight for _, weight in steps]))
    everybody = places.setdefault(frozenset(range(sum(sizes))), len(places))
    order = np.arange(len(places))
    order[[everybody, -1]] = order[[-1, everybody]]  # its own inverse: the full coalition swaps places with the last
    coalitions = np.zeros((len(places), sum(sizes)), dtype=bool)
    for members, place in places.items():
        coalitions[order[place], list(members)] = True
    return _Plan(coalitions, tuple(order[one] for one in with_), tuple(order[one] for one in without), tuple(weights))


def _weight(before: int, others: int) -> float:
    """Probability that exactly these `before` of `others` players come first in a random order."""
    return factorial(before) * factorial(others - before) / factorial(others + 1)


def _subsets(of: Sequence[_T]) -> list[tuple[_T, ...]]:
    return list(chain.from_iterable(combinations(of, size) for size in range(len(of) + 1)))
