"""The start of the booster: the life table's own chances, the line that fits best, or anything between."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from closecast.features import log_odds
from closecast.models import manifest
from closecast.models.deal_model import DealModel
from closecast.models.fast import FastScorer
from closecast.models.scorer import Scorer
from closecast.models.start import Start

RECALIBRATED = Start(0.7, -0.4)


@pytest.fixture(scope="module")
def chance() -> NDArray[np.float64]:
    """Win chances of 20,000 rows."""
    return np.random.default_rng(0).uniform(0.001, 0.9, 20_000)


def _labels(odds: NDArray[np.float64]) -> NDArray[np.int8]:
    return (np.random.default_rng(1).random(len(odds)) < 1 / (1 + np.exp(-odds))).astype(np.int8)


def test_without_recalibration_the_start_is_the_life_table(chance: NDArray[np.float64]) -> None:
    assert Start.fit(chance, _labels(np.zeros(len(chance))), 0.0) == Start(1.0, 0.0)
    assert Start().odds(chance).tobytes() == log_odds(chance).tobytes()


def test_a_fitted_start_finds_the_line_and_goes_part_of_the_way_where_asked(chance: NDArray[np.float64]) -> None:
    # given
    won = _labels(0.5 * log_odds(chance) - 1)
    # when
    whole, half = (Start.fit(chance, won, recalibration) for recalibration in (1.0, 0.5))
    # then
    assert (whole.slope, whole.intercept) == pytest.approx((0.5, -1.0), abs=0.05)
    assert (half.slope, half.intercept) == pytest.approx(((1 + whole.slope) / 2, whole.intercept / 2))


def test_a_table_that_is_upside_down_gives_the_base_rate(chance: NDArray[np.float64]) -> None:
    # given
    won = _labels(-log_odds(chance))
    # when
    start = Start.fit(chance, won, 1.0)
    # then
    assert start.slope == 0
    assert 1 / (1 + np.exp(-start.odds(chance))) == pytest.approx(won.mean())


def test_every_path_adds_the_models_own_start_to_the_bit(served_model: DealModel, tmp_path: Path) -> None:
    # given
    model = replace(served_model, scorer=replace(served_model.scorer, start=RECALIBRATED))
    known = model.deals[model.deals["engage_date"] <= "2017-12-31"].iloc[:300]
    days = np.full(len(known), np.datetime64("2017-12-31", "D"))
    horizons = np.resize(np.array([1, 30, 366]), len(known))
    rows = model.builder.matrix(model.builder.history.encode(known), np.arange(len(known)), days, horizons)
    expected = model.scorer.predict(rows)
    # when
    model.save(tmp_path)
    loaded = DealModel.load(tmp_path)
    # then
    assert loaded.scorer.start == RECALIBRATED
    assert expected.tobytes() != served_model.scorer.predict(rows).tobytes()
    assert loaded.scorer.predict(rows).tobytes() == FastScorer(loaded.scorer).predict(rows).tobytes()
    assert loaded.scorer.predict(rows).tobytes() == expected.tobytes()
    loaded.replay(tmp_path)  # one deal at a time
    tables = loaded.builder.tables(date(2017, 12, 31))
    for age in (0, 40, 900):
        answers, values = loaded.single.score(tables, age, tables.horizon_tables((30, 90)), 0, 0, 0, 0.0)
        assert answers == loaded.scorer.predict(np.frombuffer(values).reshape(2, -1)).tolist()


def test_a_model_of_an_earlier_version_starts_from_the_life_table(served_model: DealModel, tmp_path: Path) -> None:
    # given
    served_model.scorer.save(tmp_path)
    content = json.loads((tmp_path / "scorer.json").read_text())
    del content["start"]
    (tmp_path / "scorer.json").write_text(json.dumps(content))
    manifest.write(tmp_path)
    # when / then
    assert Scorer.load(tmp_path).start == Start(1.0, 0.0)
