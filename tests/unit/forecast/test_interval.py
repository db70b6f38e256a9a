"""Intervals of forecasts: learnt from earlier errors, and never below nothing."""

import numpy as np
import pytest

from closecast.forecast import interval


def test_without_a_past_the_assumption_holds() -> None:
    nothing = np.zeros(0)
    assert interval.width(nothing, nothing) == pytest.approx(1.5 * 1.2816, rel=0.08)


@pytest.mark.parametrize("size", [0.1, 1.0, 6.0])
def test_many_errors_decide(size: float) -> None:
    random = np.random.default_rng(2)
    scales = random.uniform(10, 1_000, 5_000)
    errors = random.normal(0, size, 5_000) * scales
    width = interval.width(errors, scales)
    assert width == pytest.approx(1.2816 * size, rel=0.05)
    # and of other errors of this kind as many lie within
    later = random.normal(0, size, 5_000) * scales
    assert np.mean(np.abs(later) <= width * scales) == pytest.approx(interval.COVERAGE, abs=0.02)


def test_a_forecast_of_nothing_teaches_nothing() -> None:
    assert interval.width(np.array([5.0]), np.array([0.0])) == interval.width(np.zeros(0), np.zeros(0))


def test_bounds_enclose_the_forecast_and_begin_at_nothing() -> None:
    found = interval.around(100.0, 400.0, 2.0)
    assert found.low < 100 < found.high
    assert found.high - 100 == pytest.approx(100 - found.low)
    assert interval.around(10.0, 400.0, 2.0).low == 0
    assert interval.around(0.0, 0.0, 2.0) == interval.Interval(0.0, 0.0)
