"""Distances: those of SciPy on the rows themselves, and no larger by chance than is said."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from closecast.monitoring.columns import CELLS, Number
from closecast.monitoring.distances import by_chance, distance


def _counted(column: Number, values: np.ndarray) -> tuple[np.ndarray, float]:
    cells, outside = column.cells(values)
    return np.bincount(cells, minlength=CELLS), float(outside.sum())


@pytest.mark.parametrize("shift", [0.0, 0.05, 0.1, 0.5, 4.0])
def test_the_distance_of_numbers_is_scipys_over_the_standard_deviation(shift: float) -> None:
    # given
    random = np.random.default_rng(1)
    before, now = random.gamma(2, size=20_000), random.gamma(2, size=20_000) + shift
    column = Number.of("amount", before)
    # when
    found = distance(column, _counted(column, before)[0], *_counted(column, now))
    # then
    assert found == pytest.approx(wasserstein_distance(before, now) / before.std(), rel=0.02, abs=0.002)


def test_the_distance_of_few_values_is_jensen_and_shannons() -> None:
    random = np.random.default_rng(2)
    before, now = random.choice(3, 5_000, p=[0.5, 0.3, 0.2]), random.choice(3, 5_000, p=[0.3, 0.3, 0.4])
    column = Number.of("kind", before.astype(np.float64))
    first, second = (_counted(column, one)[0] for one in (before.astype(np.float64), now.astype(np.float64)))
    found = distance(column, first, second)
    assert found == pytest.approx(jensenshannon(np.bincount(before), np.bincount(now)))


def test_nothing_is_at_no_known_distance() -> None:
    column = Number.of("amount", np.arange(300.0))
    assert np.isnan(distance(column, np.ones(CELLS), np.zeros(CELLS)))


@pytest.mark.parametrize("values", [3, 5, 60, 10_000])
@pytest.mark.parametrize("deals", [50, 400])
def test_a_sample_exceeds_the_bound_no_more_often_than_is_said(values: int, deals: int) -> None:
    # given
    random = np.random.default_rng(values + deals)
    everything = random.integers(values, size=100_000).astype(np.float64) ** 2
    column = Number.of("amount", everything)
    reference = _counted(column, everything)[0]
    bound = by_chance(column, reference, deals, 0.05)
    # when
    drawn = [distance(column, reference, *_counted(column, random.choice(everything, deals))) for _ in range(300)]
    # then
    assert np.mean(np.array(drawn) > bound) <= 0.08
    assert max(drawn) > bound / 4  # a bound that nothing comes near would find nothing
