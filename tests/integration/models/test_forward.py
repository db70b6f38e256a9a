"""Fold curves: each what LightGBM alone would give, ended when their mean has stopped falling, whatever the threads."""

from dataclasses import replace

import lightgbm
import numpy as np
import pandas as pd
import pytest

from closecast.features import WIN_CHANCE
from closecast.models import forward
from closecast.models.data import Data
from closecast.models.hyperparameters import MAX_ROUNDS, PRESETS, Hyperparameters
from closecast.models.start import Start
from closecast.models.training import training_set


def _folds(deals: pd.DataFrame, threads: int = 1) -> tuple[forward.Folds, np.ndarray]:
    data = Data(deals)
    rows = data.learnable(data.plan.cut)
    found = forward.forward_folds(rows, data.plan.cut)
    return forward.Folds(data.matrix(rows), rows.won, found, seed=7, threads=threads), rows.won


@pytest.mark.parametrize("recalibration", [0.0, 1.0])
def test_a_curve_is_that_of_a_fit_of_its_own(deals: pd.DataFrame, recalibration: float) -> None:
    # given
    folds, won = _folds(deals)
    settings = replace(PRESETS[1], min_data_in_leaf=100, recalibration=recalibration)  # other than the bins' own
    # when another booster is made of the same bins before the rounds
    boosters = forward.FoldBoosters(folds, settings)
    forward.FoldBoosters(folds, replace(settings, recalibration=0.5))
    found = boosters.losses(12)
    # then
    curves = []
    for number, fold in enumerate(folds.folds):
        parameters = folds.parameters(number, settings)
        told: dict[str, dict[str, list[float]]] = {}
        start = Start.fit(folds.matrix[fold.train, WIN_CHANCE], won[fold.train], recalibration)
        train = training_set(folds.matrix[fold.train], won[fold.train], parameters, start)
        validation = training_set(folds.matrix[fold.validation], won[fold.validation], parameters, start, train)
        lightgbm.train(
            parameters, train, 12, [validation], ["validation"], callbacks=[lightgbm.record_evaluation(told)]
        )
        curves.append(told["validation"]["binary_logloss"])
    assert found.tolist() == np.average(curves, axis=0, weights=folds.sizes).tolist()


@pytest.mark.parametrize("settings", [PRESETS[0], PRESETS[1], replace(PRESETS[0], learning_rate=0.1)])
def test_a_chain_ends_when_the_mean_has_stopped_falling(deals: pd.DataFrame, settings: Hyperparameters) -> None:
    # given
    boosters = forward.FoldBoosters(_folds(deals)[0], settings)
    # when
    rounds, loss = boosters.best()
    # then no more rounds were fitted than it takes to tell, in any fold
    fitted = set(boosters.fitted)
    assert fitted == {min(MAX_ROUNDS, rounds + boosters.patience)}
    curve = boosters.losses(fitted.pop())
    assert (int(curve.argmin()) + 1, float(curve.min())) == (rounds, loss)
    # and that is when half of the way is gone: (1 - learning rate) to the power of so many
    assert 0.45 < (1 - settings.learning_rate) ** boosters.patience <= 0.51


def test_rounds_and_predictions_do_not_hang_on_the_threads(deals: pd.DataFrame) -> None:
    # when
    one, many = (forward.FoldBoosters(_folds(deals, threads)[0], PRESETS[0]) for threads in (1, 3))
    # then
    assert one.best() == many.best()
    assert one.predicted(5).tolist() == many.predicted(5).tolist()


@pytest.mark.parametrize(
    ("first", "second", "goes_on"),
    [
        (PRESETS[1], PRESETS[0], False),
        (PRESETS[0], replace(PRESETS[0], learning_rate=0.02, lambda_l2=100.0, clock_weight=0.001), True),
    ],
)
def test_a_preset_that_is_behind_half_way_is_given_no_more_rounds(
    deals: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
    first: Hyperparameters,
    second: Hyperparameters,
    goes_on: bool,
) -> None:
    # given
    all_boosters: list[forward.FoldBoosters] = []
    made = forward.FoldBoosters.__init__

    def kept(self: forward.FoldBoosters, folds: forward.Folds, settings: Hyperparameters) -> None:
        made(self, folds, settings)
        all_boosters.append(self)

    monkeypatch.setattr(forward.FoldBoosters, "__init__", kept)
    data = Data(deals)
    rows = data.learnable(data.plan.cut)
    # when
    forward.schedule(data.matrix(rows), rows, data.plan.cut, (first, second), 7, 1)
    # then
    one, other = all_boosters
    fitted = set(other.fitted)
    assert (other.losses(other.patience).min() < one.losses(one.patience).min()) == goes_on
    rounds = int(other.losses(fitted.copy().pop()).argmin()) + 1
    assert fitted == {rounds + other.patience if goes_on else other.patience}


@pytest.mark.parametrize("recalibration", [0.0, 0.5, 1.0])
def test_trees_that_carry_more_than_the_life_table_get_more_rounds_from_more_rows(
    deals: pd.DataFrame, recalibration: float
) -> None:
    # given the rounds that are best on the folds
    data = Data(deals)
    rows = data.learnable(data.plan.cut)
    settings = replace(PRESETS[0], recalibration=recalibration)
    folds, _ = _folds(deals)
    best, _ = forward.FoldBoosters(folds, settings).best()
    learnt = np.average([len(fold.train) for fold in folds.folds], weights=folds.sizes)
    # when
    chosen = forward.schedule(data.matrix(rows), rows, data.plan.cut, (settings,), 7, 1)
    # then
    assert chosen.rounds == round(best * (1 + recalibration * (min(2.0, len(rows) / learnt) - 1)))
    assert (chosen.rounds > best) == (recalibration > 0)
