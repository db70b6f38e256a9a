"""Beta calibration: mends what is wrong, leaves what is right, keeps the order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logit

from closecast.models.calibration import BetaCalibration
from closecast.models.metrics import scores


def _chances(rows: int = 50_000) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    chance = random.beta(1, 4, rows)
    return chance, (random.random(rows) < chance).astype(np.int8)


def test_distorted_probabilities_are_mended() -> None:
    # given
    chance, won = _chances()
    distorted = chance**0.5
    # when
    mended = BetaCalibration.fit(distorted, won, np.arange(len(won))).apply(logit(distorted))
    # then
    assert scores(won, distorted)["ece"] > 0.1
    assert scores(won, mended)["ece"] < 0.01


def test_right_ones_are_left_and_few_deals_change_little() -> None:
    # given
    chance, won = _chances()
    # when
    right = BetaCalibration.fit(chance, won, np.arange(len(won)))
    few = BetaCalibration.fit(chance**0.5, won, np.arange(len(won)) % 20)
    # then
    assert [right.a, right.b, right.c] == pytest.approx([1, 1, 0], abs=0.1)
    assert [few.a, few.b, few.c] == pytest.approx([1, 1, 0], abs=0.2)


def test_what_counts_more_is_mended_more() -> None:
    # given predictions that are right in one half and too high in the other
    chance, won = _chances()
    deal, late = np.arange(len(won)), np.arange(len(won)) >= len(won) // 2
    predicted = np.where(late, chance, chance**0.5)
    # when
    alike = BetaCalibration.fit(predicted, won, deal)
    ones = BetaCalibration.fit(predicted, won, deal, np.full(len(won), 0.3))
    later = BetaCalibration.fit(predicted, won, deal, np.where(late, 1.0, 0.1))
    # then
    errors = [scores(won[late], one.apply(logit(chance[late])))["ece"] for one in (alike, later)]
    assert [ones.a, ones.b, ones.c] == pytest.approx([alike.a, alike.b, alike.c], abs=1e-3)
    assert errors[1] < errors[0] / 2


@given(st.floats(0, 5), st.floats(0, 5), st.floats(-3, 3), st.lists(st.floats(-40, 40), min_size=2, max_size=20))
def test_the_map_never_turns_the_order(a: float, b: float, c: float, odds: list[float]) -> None:
    # when
    mapped = BetaCalibration(a, b, c).apply(np.array(sorted(odds)))
    # then
    assert (np.diff(mapped) >= 0).all()


def test_the_identity_changes_nothing() -> None:
    chance, _ = _chances(1_000)
    assert BetaCalibration().apply(logit(chance)) == pytest.approx(chance, abs=1e-9)


@given(st.floats(0, 5), st.floats(0, 5), st.floats(-3, 3), st.lists(st.floats(-900, 900), min_size=1, max_size=9))
def test_a_handful_is_calibrated_to_the_same_bit(a: float, b: float, c: float, odds: list[float]) -> None:
    maps = BetaCalibration(a, b, c)
    assert maps.apply_few(odds) == maps.apply(np.array(odds)).tolist()


def test_what_is_beyond_an_exponential_has_no_chance() -> None:
    assert BetaCalibration().apply_few([-900.0, 900.0]) == BetaCalibration().apply(np.array([-900.0, 900.0])).tolist()
    assert BetaCalibration().apply_few([-900.0, 900.0]) == [0.0, 1.0]


def test_the_zero_between_is_met_exactly() -> None:
    assert (
        BetaCalibration().apply_few([0.0, -0.0])
        == BetaCalibration().apply(np.array([0.0, -0.0])).tolist()
        == [0.5, 0.5]
    )
