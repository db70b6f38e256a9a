"""The booster that predicts through LightGBM's library: the same bits as the package, and its refusals."""

import pickle

import lightgbm
import numpy as np
import pytest

from closecast.models.booster import Booster, BoosterError
from closecast.models.deal_model import DealModel


def _rows(model: DealModel, count: int = 300) -> np.ndarray:
    return np.random.default_rng(0).uniform(-10, 400, size=(count, len(model.card.feature_names)))


@pytest.mark.parametrize("threads", [1, 2])
def test_predictions_are_those_of_the_package(served_model: DealModel, threads: int) -> None:
    # given
    rows, booster = _rows(served_model), served_model.scorer.booster
    expected = np.asarray(lightgbm.Booster(model_str=booster.text).predict(rows, raw_score=True, num_threads=1))
    # when / then
    assert booster.predict(rows, threads).tobytes() == expected.tobytes()
    assert booster.predict(np.asfortranarray(rows), threads).tobytes() == expected.tobytes()
    assert len(booster.predict(rows[:0], threads)) == 0


def test_a_copy_predicts_the_same(served_model: DealModel) -> None:
    rows, booster = _rows(served_model), served_model.scorer.booster
    copy = pickle.loads(pickle.dumps(booster))
    assert copy.predict(rows).tobytes() == booster.predict(rows).tobytes()


def test_a_matrix_of_another_width_is_refused(served_model: DealModel) -> None:
    with pytest.raises(BoosterError, match="number of features"):
        served_model.scorer.booster.predict(_rows(served_model)[:, :-1])


@pytest.mark.parametrize("text", ["", "tree\nversion=v4\n"])
def test_a_text_that_is_no_booster_is_refused(text: str) -> None:
    with pytest.raises(BoosterError):
        Booster(text)
