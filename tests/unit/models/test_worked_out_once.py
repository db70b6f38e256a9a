"""What training works out once, or for some rows only, is to the bit what it would be for each anew."""

import lightgbm
import numpy as np
from numpy.typing import NDArray

from closecast.features import NAMES
from closecast.models import baselines, candidate, evaluation, metrics


def test_the_reference_answers_each_row_as_if_it_were_alone(built: candidate.Candidate) -> None:
    for split in built.splits:
        # given the reference without its short cut
        columns = baselines.AGE_AND_CALENDAR
        data = lightgbm.Dataset(split.train.matrix[:, columns], label=split.train.rows.won)
        parameters = {**baselines.REFERENCE, "seed": 7, "num_threads": 1}
        expected = lightgbm.train(parameters, data, baselines.REFERENCE_ROUNDS).predict(split.test.matrix[:, columns])
        # when
        found = baselines.age_calendar(split.train, split.test, 7, 1)
        # then
        assert np.asarray(expected).tobytes() == found.tobytes()
        assert len(np.unique(found)) > 100


def test_blanked_accounts_move_the_mean_by_what_all_rows_would_say(built: candidate.Candidate) -> None:
    # given a model that leans on the account, and every row asked again without some names
    def leaning(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(matrix[:, NAMES.index("account_win_rate_before_as_of")])

    deals, data = built.data.deals, built.data
    gone = np.random.default_rng(3).random(len(deals)) < evaluation.BLANKED
    blanked = data.builder.history.encode(deals.assign(account=deals["account"].mask(gone)))
    expected = []
    for split in built.splits:
        rows = split.test.rows
        without = leaning(data.builder.matrix(blanked, rows.deal, rows.as_of, rows.horizon_days))
        expected.append(float(without.mean() - leaning(split.test.matrix).mean()))
    # when
    found = evaluation.held_out(data, built.splits, leaning, 3, 1)
    # then
    assert [part.blanking_shift for part in found] == expected
    assert all(expected)


def test_a_horizon_that_is_a_target_has_the_figures_of_its_own_rows(built: candidate.Candidate) -> None:
    # when
    found = built.report()["horizons"]
    # then
    for target, horizon in evaluation.TARGETS.items():
        rows = built.data.rows((horizon,), seen_from=built.plan.cut, most=evaluation.MAX_ROWS)
        values = metrics.scores(rows.won, built.twin.predict(built.data.matrix(rows)))
        assert found[str(horizon)] == {"rows": len(rows), "share_won": float(rows.won.mean()), **values}, target


def test_intervals_of_several_are_those_of_each(built: candidate.Candidate) -> None:
    # given
    part = built.held_out[0]
    # when
    found = metrics.all_with_intervals(part.won, part.predictions, part.deal)
    # then
    assert list(found) == list(part.predictions)
    for name, predicted in part.predictions.items():
        assert found[name] == metrics.with_intervals(part.won, predicted, part.deal)
