"""Made-up deals, whose true chances are known: no model can be better, and ours comes close."""

import pytest

from closecast.deals.contract import check
from closecast.deals.synthetic import generator
from closecast.models import candidate, evaluation, metrics
from closecast.models.data import Data
from closecast.models.hyperparameters import Hyperparameters


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_the_log_loss_is_within_two_percent_of_the_best_possible(seed: int) -> None:
    # given
    frame, truth = generator.generate_with_truth(generator.Settings(rows=50_000), seed)
    data = Data(check(frame).accepted)
    # when
    twin, _, _ = candidate.fit_before(data, (Hyperparameters(),), 7, 2, data.plan.cut)
    # then
    for split in evaluation.splits(data):
        rows = split.test.rows
        chances = generator.win_probability(truth, data.deals.iloc[rows.deal], rows.as_of, rows.horizon_days)
        best = float(metrics.losses(rows.won, chances).mean())
        ours = float(metrics.losses(rows.won, twin.predict(split.test.matrix, 2)).mean())
        assert best * 0.995 < ours < best * 1.02
