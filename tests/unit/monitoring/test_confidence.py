"""The confidence sequence holds at all looks at once, finds a mean that is there, and does not mind the order of a day."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closecast.monitoring.confidence import log_evidence, sequence

ALPHA = 0.05


@given(
    st.lists(st.tuples(st.integers(0, 20), st.floats(-1, 1)), min_size=1, max_size=40),
    st.randoms(use_true_random=False),
)
def test_the_order_within_a_day_does_not_matter(rows: list[tuple[int, float]], random: object) -> None:
    # given
    shuffled = sorted(rows, key=lambda _: random.random())  # type: ignore[attr-defined]
    # when
    one, other = (
        sequence(np.array([day for day, _ in given_rows]), np.array([value for _, value in given_rows]), 1.0, ALPHA)
        for given_rows in (rows, shuffled)
    )
    # then
    np.testing.assert_array_equal(one.day, other.day)
    for name in ("mean", "low", "high", "log_evidence"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=1e-9)
    assert (one.low <= one.mean + 1e-12).all()
    assert (one.mean <= one.high + 1e-12).all()


def test_values_without_a_mean_leave_the_bounds_rarely() -> None:
    # given 400 series of skewed values with mean 0, looked at 300 times
    random = np.random.default_rng(3)
    day = np.repeat(np.arange(300), 10)
    left = 0
    for _ in range(400):
        chance = random.uniform(0.05, 0.95, len(day))
        value = (random.random(len(day)) < chance) - chance
        found = sequence(day, value, 1.0, ALPHA)
        left += bool((found.low > 0).any())
    assert left / 400 <= ALPHA


def test_a_mean_is_found_and_lies_within_the_bounds() -> None:
    # given
    random = np.random.default_rng(4)
    day = np.repeat(np.arange(200), 20)
    value = np.clip(0.05 + 0.3 * random.standard_normal(len(day)), -1, 1)
    # when
    found = sequence(day, value, 1.0, ALPHA)
    # then
    assert found.low[-1] > 0.02
    assert found.high[-1] < 0.08
    assert found.low.max() < 0.05 < found.high.min()
    assert found.count.tolist() == list(range(20, 4001, 20))


def test_weeks_that_vary_together_count_for_less() -> None:
    # given the same values: independent of each other, or alike within a week
    random = np.random.default_rng(5)
    day = np.repeat(np.arange(140), 20)
    signs = random.choice([-1.0, 1.0], 20)
    alike = 0.3 * signs[day // 7] + 0.05
    apart = 0.3 * random.permutation(signs[day // 7]) + 0.05
    # when / then
    widths = [(found.high - found.low)[-1] for found in (sequence(day, one, 1.0, ALPHA) for one in (alike, apart))]
    assert widths[0] > 3 * widths[1]


def test_the_lower_bound_is_above_nothing_where_the_evidence_says_so() -> None:
    random = np.random.default_rng(6)
    day = np.repeat(np.arange(60), 20)
    value = np.clip(0.04 + 0.3 * random.standard_normal(len(day)), -1, 1)
    found = sequence(day, value, 1.0, ALPHA)
    days, evidence = log_evidence(day, value, 1.0)
    np.testing.assert_array_equal(days, found.day)
    np.testing.assert_array_equal(evidence > -np.log(ALPHA), found.low > 0)
    assert 0 < (found.low > 0).sum() < 60


def test_a_value_outside_of_the_bound_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a value of -1\.5 is outside of -1\.0 to 1\.0"):
        sequence(np.array([1, 2]), np.array([0.0, -1.5]), 1.0, ALPHA)
    days, evidence = log_evidence(np.zeros(0, np.int64), np.zeros(0), 1.0)
    assert len(days) == len(evidence) == 0
