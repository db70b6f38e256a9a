"""The measures, against scikit-learn's, and their intervals, against repetition of the whole experiment."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from closecast.models import metrics


def _drawn(seed: int, deals: int = 300, each: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, predictions with ties, and deals whose rows share one fate."""
    random = np.random.default_rng(seed)
    chance = random.beta(1, 4, deals)
    won = (random.random(deals) < chance).astype(np.int8)
    deal = np.repeat(np.arange(deals), each)
    return won[deal], np.round(np.clip(chance[deal] + random.normal(0, 0.02, len(deal)), 0.01, 0.99), 2), deal


@pytest.mark.parametrize("seed", range(5))
def test_the_measures_are_those_of_the_library(seed: int) -> None:
    # given
    won, predicted, _ = _drawn(seed)
    # when
    found = metrics.scores(won, predicted)
    # then
    assert found["log_loss"] == pytest.approx(log_loss(won, predicted))
    assert found["brier"] == pytest.approx(brier_score_loss(won, predicted))
    assert found["auc"] == pytest.approx(roc_auc_score(won, predicted))
    assert found["average_precision"] == pytest.approx(average_precision_score(won, predicted))
    rate = won.mean()
    assert found["brier_skill"] == pytest.approx(1 - brier_score_loss(won, predicted) / (rate * (1 - rate)))


def test_calibration_error_is_the_mean_gap_of_ten_bins() -> None:
    # given: predictions 0.05 too high everywhere
    random = np.random.default_rng(0)
    chance = random.uniform(0.1, 0.9, 200_000)
    won = (random.random(200_000) < chance).astype(np.int8)
    # then
    assert metrics.scores(won, chance)["ece"] < 0.006
    assert metrics.scores(won, chance + 0.05)["ece"] == pytest.approx(0.05, abs=0.004)
    assert sum(point["rows"] for point in metrics.reliability(won, chance)) == 200_000


def test_intervals_by_deal_are_as_wide_as_repetition_shows() -> None:
    # given: log losses of 200 repetitions of the whole experiment
    repeated = [metrics.scores(*_drawn(seed)[:2])["log_loss"] for seed in range(100, 300)]
    # when
    measured = [metrics.with_intervals(*_drawn(seed))["log_loss"] for seed in range(10)]
    # then: rows alone would make them less than half as wide
    width = np.mean([one.high - one.low for one in measured])
    assert width == pytest.approx(2 * 1.96 * np.std(repeated), rel=0.25)
    for one in measured:
        assert one.low < one.value < one.high


def test_a_paired_difference_is_clear_of_zero_only_where_there_is_one() -> None:
    # given
    won, predicted, deal = _drawn(1, deals=2_000)
    noise = np.clip(predicted + np.random.default_rng(2).normal(0, 0.15, len(predicted)), 0.01, 0.99)
    # when
    better = metrics.paired_difference(won, predicted, noise, deal)
    same = metrics.paired_difference(won, predicted, predicted, deal)
    # then
    expected = metrics.losses(won, predicted).mean() - metrics.losses(won, noise).mean()
    assert better.value == pytest.approx(expected)
    assert better.high < 0
    assert (same.value, same.low, same.high) == (0, 0, 0)


def test_one_outcome_alone_has_no_ranking() -> None:
    found = metrics.scores(np.zeros(10, np.int8), np.linspace(0.1, 0.5, 10))
    assert np.isnan(found["auc"])
    assert np.isfinite(found["log_loss"])


def test_a_large_set_has_intervals_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    drawn = _drawn(4, deals=3_000)
    whole = metrics.with_intervals(*drawn)["log_loss"]
    # when: only a quarter of the rows may be resampled
    monkeypatch.setattr(metrics, "INTERVAL_ROWS", len(drawn[0]) // 4)
    part = metrics.with_intervals(*drawn)["log_loss"]
    # then
    assert part.value == whole.value
    assert part.high - part.low == pytest.approx(whole.high - whole.low, rel=0.35)


def test_a_difference_on_many_deals_has_the_interval_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    won, predicted, deal = _drawn(4, deals=4_000)
    noise = np.clip(predicted + np.random.default_rng(2).normal(0, 0.15, len(predicted)), 0.01, 0.99)
    whole = metrics.paired_difference(won, predicted, noise, deal)
    # when: only a quarter of the deals may be resampled
    monkeypatch.setattr(metrics, "INTERVAL_DEALS", 1_000)
    part = metrics.paired_difference(won, predicted, noise, deal)
    # then
    assert part.value == whole.value
    assert part.high - part.low == pytest.approx(whole.high - whole.low, rel=0.2)
    assert part.low < part.value < part.high < 0


def test_a_draw_is_measured_as_the_library_measures_weighted_rows() -> None:
    # given predictions with ties, and a draw in which some deals are missing
    won, predicted, deal = _drawn(3)
    weights = np.random.default_rng(3).poisson(1.0, int(deal.max()) + 1).astype(np.int32)
    # when
    found = metrics.Ranked(won, predicted, deal).scores(weights[None, :])
    # then
    rows = weights[deal]
    assert found["auc"][0] == pytest.approx(roc_auc_score(won, predicted, sample_weight=rows))
    assert found["average_precision"][0] == pytest.approx(average_precision_score(won, predicted, sample_weight=rows))
    assert found["log_loss"][0] == pytest.approx(log_loss(won, predicted, sample_weight=rows))
    assert found["brier"][0] == pytest.approx(brier_score_loss(won, predicted, sample_weight=rows))


def test_differences_to_several_are_those_to_each() -> None:
    # given
    won, predicted, deal = _drawn(1)
    random = np.random.default_rng(5)
    others = {
        name: np.clip(predicted + random.normal(0, sd, len(predicted)), 0.01, 0.99)
        for name, sd in (("near", 0.02), ("far", 0.2))
    }
    # when
    found = metrics.paired_differences(won, predicted, others, deal)
    # then
    for name, other in others.items():
        alone = metrics.paired_difference(won, predicted, other, deal)
        assert found[name].as_dict() == pytest.approx(alone.as_dict(), rel=1e-9)


def test_the_gain_curve_counts_wins_among_the_most_likely() -> None:
    # given ten rows, the four most likely of which hold both wins
    won = np.array([1, 0, 0, 1, 0, 0, 0, 0, 0, 0], np.int8)
    predicted = np.linspace(0.9, 0.1, 10)
    # when
    found = metrics.gain(won, predicted, steps=10)
    # then
    assert [one["share"] for one in found] == pytest.approx([0.1 * at for at in range(1, 11)])
    assert [one["found"] for one in found] == [0.5, 0.5, 0.5, 1, 1, 1, 1, 1, 1, 1]


def test_the_gain_of_a_constant_is_a_straight_line_whatever_the_order() -> None:
    won = np.array([1] * 3 + [0] * 7, np.int8)
    for order in (won, won[::-1].copy()):
        found = metrics.gain(order, np.full(10, 0.3), steps=5)
        assert [one["found"] for one in found] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert metrics.gain(np.zeros(10, np.int8), np.full(10, 0.3)) == []
