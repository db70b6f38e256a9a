"""The model's folder: what is saved is what is loaded, and what is damaged or foreign is refused."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closecast.features import NAMES
from closecast.models import manifest
from closecast.models.candidate import Candidate
from closecast.models.card import ModelCard
from closecast.models.deal_model import DealModel, ModelError
from closecast.scoring.pyfunc import _load_pyfunc


@pytest.fixture
def model(built: Candidate, card: ModelCard, deals: pd.DataFrame) -> DealModel:
    return DealModel(built.scorer, card, deals)


def test_a_saved_model_predicts_the_same_and_keeps_its_card_and_history(
    model: DealModel, built: Candidate, tmp_path: Path
) -> None:
    # given
    matrix = built.splits[0].test.matrix[:500]
    # when
    model.save(tmp_path / "model")
    loaded = DealModel.load(tmp_path / "model")
    # then
    assert loaded.card == model.card
    assert loaded.scorer.predict(matrix).tobytes() == model.scorer.predict(matrix).tobytes()
    assert loaded.scorer.predict(matrix).shape == (500,)
    assert loaded.scorer.predict(matrix[:0]).shape == (0,)
    assert loaded.scorer.predict(matrix, threads=2).tobytes() == model.scorer.predict(matrix).tobytes()
    one, other = (made.builder.tables(date(2017, 10, 2)) for made in (model, loaded))
    assert one.agent.blob == other.agent.blob
    assert one.horizon_table(30).blob == other.horizon_table(30).blob


def test_mlflows_loader_answers_raw_deals(model: DealModel, tmp_path: Path) -> None:
    # given
    model.save(tmp_path)
    raw = pd.DataFrame(
        {
            "opportunity_id": ["a", "b"],
            "sales_agent": ["Ada Berg", "a stranger"],
            "product": ["GTXPro", "GTX Pro"],
            "account": [None, "Oak Foods"],
            "engage_date": ["2017-12-01"] * 2,
            "as_of": ["2017-12-20"] * 2,
            "horizon_days": [30, 30],
        }
    )
    # when
    predicted = _load_pyfunc(str(tmp_path)).predict(raw)
    # then
    assert predicted.shape == (2,)
    assert ((predicted > 0) & (predicted < 1)).all()


def test_a_matrix_of_another_width_is_refused(model: DealModel) -> None:
    with pytest.raises(ValueError, match=rf"a matrix of {len(NAMES)} features, got the shape \(2, 3\)"):
        model.scorer.predict(np.zeros((2, 3)))


@given(
    st.dates(date(2017, 3, 1), date(2018, 3, 1)),
    st.integers(0, 80),
    st.integers(0, 10_000),
    st.lists(st.integers(1, 366), min_size=2),
)
def test_more_time_never_makes_a_win_less_likely(
    built: Candidate, deals: pd.DataFrame, as_of: date, age: int, pick: int, horizons: list[int]
) -> None:
    # given one deal of the export, seen at a date of its life, and horizons in order
    engaged = deals[deals["engage_date"].notna()]
    deal = engaged.iloc[[pick % len(engaged)]].assign(engage_date=pd.Timestamp(as_of) - pd.Timedelta(days=age))
    ordered = np.array(sorted(horizons), dtype=np.int64)
    builder = built.data.builder
    # when
    matrix = builder.matrix(
        builder.history.encode(deal),
        np.zeros(len(ordered), int),
        np.full(len(ordered), np.datetime64(as_of)),
        ordered,
    )
    predicted = built.scorer.predict(matrix)
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


@pytest.mark.parametrize("name", ["model.txt", "scorer.json", "card.json", "deals.parquet"])
def test_an_incomplete_folder_is_refused(model: DealModel, tmp_path: Path, name: str) -> None:
    # given
    model.save(tmp_path)
    (tmp_path / name).unlink()
    # when / then
    with pytest.raises(ModelError, match=f"{name} is missing"):
        DealModel.load(tmp_path)


def test_a_card_that_is_not_json_is_refused() -> None:
    with pytest.raises(ModelError, match="is not JSON"):
        ModelCard.from_json("{")


def test_a_card_from_before_pseudonyms_has_none(model: DealModel) -> None:
    content = json.loads(model.card.to_json())
    del content["pseudonymised"]
    assert ModelCard.from_json(json.dumps(content)) == model.card


def test_a_model_for_other_features_is_refused(model: DealModel, tmp_path: Path) -> None:
    # given
    model.save(tmp_path)
    path = tmp_path / "scorer.json"
    path.write_text(path.read_text().replace("deal_age_days", "mood"))
    manifest.write(tmp_path)
    # when / then
    with pytest.raises(ModelError, match=r"differ in features \(deal_age_days, mood\): train anew"):
        DealModel.load(tmp_path)


def test_a_card_with_other_fields_is_refused(card: ModelCard) -> None:
    # given
    content = json.loads(card.to_json())
    content["colour"] = content.pop("cut")
    # when / then
    with pytest.raises(ModelError, match="disagree about colour, cut"):
        ModelCard.from_json(json.dumps(content))
