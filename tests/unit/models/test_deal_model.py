"""The model's folder: what is saved is what is loaded, and what is damaged or foreign is refused."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closecast import features
from closecast.models.candidate import Candidate
from closecast.models.deal_model import DealModel, ModelCard, ModelError


@pytest.fixture
def model(built: Candidate, card: ModelCard) -> DealModel:
    return DealModel(built.booster, card)


def test_a_saved_model_predicts_the_same_and_keeps_its_card(model: DealModel, built: Candidate, tmp_path: Path) -> None:
    # given
    rows = built.held_out[0].test
    matrix = features.matrix(rows.engage_dates, rows.as_of, rows.horizon_days)[:500]
    # when
    model.save(tmp_path / "model")
    loaded = DealModel.load(tmp_path / "model")
    # then
    assert loaded.card == model.card
    assert loaded.predict(matrix).tobytes() == model.predict(matrix).tobytes()
    assert loaded.predict(matrix).shape == (500,)
    assert loaded.predict(matrix[:0]).shape == (0,)


def test_a_matrix_of_another_width_is_refused(model: DealModel) -> None:
    with pytest.raises(ValueError, match=r"a matrix of 5 features, got the shape \(2, 3\)"):
        model.predict(np.zeros((2, 3)))


@settings(max_examples=50, deadline=None)
@given(st.dates(date(2017, 3, 1), date(2018, 3, 1)), st.integers(0, 200), st.lists(st.integers(1, 366), min_size=2))
def test_more_time_never_makes_a_win_less_likely(built: Candidate, as_of: date, age: int, horizons: list[int]) -> None:
    # given
    ordered = np.array(sorted(horizons), dtype=np.int64)
    as_of_dates = np.full(len(ordered), np.datetime64(as_of, "D"))
    # when
    matrix = features.matrix(as_of_dates - age, as_of_dates, ordered)
    predicted = np.asarray(built.booster.predict(matrix))
    # then
    assert (np.diff(predicted) >= 0).all()
    assert ((predicted > 0) & (predicted < 1)).all()


def test_a_damaged_booster_is_refused(model: DealModel, tmp_path: Path) -> None:
    # given
    model.save(tmp_path)
    path = tmp_path / "model.txt"
    path.write_text(path.read_text().replace("leaf_value=", "leaf_value=1", 1))
    # when / then
    with pytest.raises(ModelError, match="is damaged"):
        DealModel.load(tmp_path)


def test_an_incomplete_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        DealModel.load(tmp_path)


def test_a_card_that_is_not_json_is_refused() -> None:
    with pytest.raises(ModelError, match="is not JSON"):
        ModelCard.from_json("{")


def test_a_model_for_other_features_is_refused(model: DealModel, tmp_path: Path) -> None:
    # given
    replace(model, card=replace(model.card, feature_names=("price", "mood"))).save(tmp_path)
    # when / then
    with pytest.raises(ModelError, match="the model takes the features price, mood"):
        DealModel.load(tmp_path)


def test_a_card_with_other_fields_is_refused(card: ModelCard) -> None:
    # given
    content = json.loads(card.to_json())
    content["colour"] = content.pop("cut")
    # when / then
    with pytest.raises(ModelError, match="disagree about colour, cut"):
        ModelCard.from_json(json.dumps(content))
