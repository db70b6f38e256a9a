"""Rows for tests of this room, in columns of their own."""

from collections.abc import Callable

import numpy as np
import pytest

from closecast.monitoring.sketch import Chunk

Rows = Callable[..., Chunk]
NUMBERS = ("amount", "kind")


@pytest.fixture
def rows() -> Rows:
    return made


def made(first: str, days: int, a_day: int = 60, seed: int = 0, shift: float = 0.0, season: float = 0.0) -> Chunk:
    """Rows of `a_day` deals on each of `days` days, no deal twice: an amount, one of three kinds, and a name.

    In the last month of a quarter the amount is higher by `season` standard deviations.
    """
    random = np.random.default_rng(seed)
    as_of = np.repeat(np.datetime64(first, "D") + np.arange(days), a_day)
    count = len(as_of)
    is_last = as_of.astype("M8[M]").astype(np.int64) % 3 == 2
    amount = random.normal(size=count) + shift + season * is_last
    return Chunk(
        as_of,
        np.zeros(count, dtype=np.int64),
        random.integers(2**62, size=count),
        np.zeros(count, dtype=np.int64),
        np.ones(count, dtype=np.bool_),
        np.column_stack([amount, random.integers(3, size=count).astype(np.float64)]),
        {"product": random.choice(np.array(["GTX", "MG"], dtype=object), count)},
    )
