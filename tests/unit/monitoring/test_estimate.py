"""The estimate before outcomes is right on average where the probabilities are, and blind to what they do not know."""

import numpy as np
import pandas as pd
import pytest

from closecast.models import metrics
from closecast.monitoring.estimate import expected


def made(deals: int, each: int, seed: int = 1) -> pd.DataFrame:
    p = np.repeat(np.random.default_rng(seed).beta(1, 4, deals), each)
    return pd.DataFrame({"deal": np.repeat(np.arange(deals), each), "probability": p})


@pytest.mark.parametrize("each", [1, 3])
def test_what_comes_is_within_the_deviations_as_often_as_they_say(each: int) -> None:
    # given
    predictions = made(400, each)
    p = predictions["probability"].to_numpy()
    found = expected(predictions)
    random = np.random.default_rng(2)
    # when outcomes are drawn from the probabilities, all predictions of a deal sharing its fate
    losses, shares = [], []
    for _ in range(2_000):
        won = np.repeat(random.random(400) < p[::each], each).astype(np.int8)
        losses.append(metrics.losses(won, p).mean())
        shares.append(won.mean())
    # then
    assert found.deals == 400
    assert np.mean(losses) == pytest.approx(found.log_loss, abs=0.002)
    assert np.std(losses) == pytest.approx(found.log_loss_deviation, rel=0.1)
    assert np.mean(shares) == pytest.approx(found.share_won, abs=0.002)
    assert np.std(shares) == pytest.approx(found.share_won_deviation, rel=0.1)


def test_a_deal_asked_about_often_counts_once() -> None:
    often = pd.DataFrame({"deal": ["A"] * 9 + ["B"], "probability": [0.5] * 9 + [0.1]})
    once = pd.DataFrame({"deal": ["A", "B"], "probability": [0.5, 0.1]})
    assert expected(often).log_loss == pytest.approx(expected(once).log_loss)
    assert expected(often).share_won == pytest.approx(0.3)


def test_it_cannot_see_that_the_world_has_changed() -> None:
    # given chances that are all far too high by now
    predictions = made(2_000, 1)
    p = predictions["probability"].to_numpy()
    won = (np.random.default_rng(3).random(len(p)) < p / 4).astype(np.int8)
    # then
    found = expected(predictions)
    assert abs(won.mean() - found.share_won) > 5 * found.share_won_deviation


def test_nothing_is_expected_of_no_prediction() -> None:
    found = expected(pd.DataFrame({"deal": [], "probability": []}))
    assert found.deals == 0
    assert np.isnan(found.log_loss)
