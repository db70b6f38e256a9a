"""One row at a time: the same bits as many at once, on any thread, with and without LightGBM's single-row call."""

import json
import threading
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from closecast import features
from closecast.models import fast
from closecast.models.calibration import BetaCalibration
from closecast.models.deal_model import DealModel, ModelError
from closecast.models.fast import FastScorer
from closecast.models.golden import Golden


@pytest.fixture
def matrix(served_model: DealModel) -> NDArray[np.float64]:
    model = served_model
    known = model.deals[model.deals["engage_date"] <= "2017-12-31"].iloc[:600]
    count = len(known)
    days = np.full(count, np.datetime64("2017-12-31", "D"))
    horizons = np.resize(np.array([1, 7, 30, 90, 366]), count)
    return model.builder.matrix(model.builder.history.encode(known), np.arange(count), days, horizons)


def test_single_rows_are_bit_identical_to_many(served_model: DealModel, matrix: NDArray[np.float64]) -> None:
    # given
    scorer = FastScorer(served_model.scorer)
    # when
    one_by_one = np.concatenate([scorer.predict(matrix[at : at + 1]) for at in range(len(matrix))])
    fives = np.concatenate([scorer.predict(matrix[at : at + 5]) for at in range(0, len(matrix), 5)])
    # then
    assert scorer.fallback is None
    assert one_by_one.tobytes() == fives.tobytes() == served_model.scorer.predict(matrix).tobytes()


def test_threads_do_not_disturb_each_other(served_model: DealModel, matrix: NDArray[np.float64]) -> None:
    # given
    expected = served_model.scorer.predict(matrix)
    tables = served_model.builder.tables(date(2017, 12, 31))
    horizon_tables = tables.horizon_tables((30, 90))
    alone = [served_model.single.score(tables, age, horizon_tables, 0, 0, 0, 0.0)[0] for age in range(200)]
    wrong: list[str] = []

    def work() -> None:
        scorer = FastScorer(served_model.scorer)
        for _ in range(20):
            if scorer.predict(matrix).tobytes() != expected.tobytes():
                wrong.append("fast")
            again = [served_model.single.score(tables, age, horizon_tables, 0, 0, 0, 0.0)[0] for age in range(200)]
            if again != alone:
                wrong.append("single")

    # when
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # then
    assert wrong == []


@pytest.mark.parametrize("shape", [(3, len(features.NAMES) - 1), (len(features.NAMES),), (0,)])
def test_another_shape_is_refused(served_model: DealModel, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=f"expected a C-contiguous float64 matrix of {len(features.NAMES)} features"):
        FastScorer(served_model.scorer).predict(np.zeros(shape))


def test_another_layout_is_refused(served_model: DealModel, matrix: NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match="C-contiguous"):
        FastScorer(served_model.scorer).predict(np.asfortranarray(matrix))


def test_a_library_without_the_call_is_told_and_predicts_all_the_same(
    served_model: DealModel, matrix: NDArray[np.float64], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(fast, "library_path", lambda: "libc.so.6")
    # when
    scorer = FastScorer(served_model.scorer)
    # then
    assert scorer.fallback is not None
    assert "has no usable single-row call" in scorer.fallback
    assert scorer.predict(matrix).tobytes() == served_model.scorer.predict(matrix).tobytes()


def test_golden_rows_replay_and_what_is_more_than_rounding_is_refused(served_model: DealModel, tmp_path: Path) -> None:
    # given
    served_model.save(tmp_path)
    loaded = DealModel.load(tmp_path)
    # when
    loaded.replay(tmp_path)
    # then
    golden = json.loads((tmp_path / "golden.json").read_text())
    assert len(golden["rows"]) >= 80
    # given the last bits of all answers, then of a feature, are others
    for row in golden["rows"]:
        row[3] *= 1 - 1e-13
    golden["rows"][0][2][8] *= 1 + 1e-13
    (tmp_path / "golden.json").write_text(json.dumps(golden))
    # when / then
    loaded.replay(tmp_path)
    # given an answer, then a feature, differs in its eighth digit
    for values, place in ((golden["rows"][-1], 3), (golden["rows"][0][2], 8)):
        genuine, values[place] = values[place], values[place] * (1 + 1e-8)
        (tmp_path / "golden.json").write_text(json.dumps(golden))
        with pytest.raises(ModelError, match=r"golden row \w+ at \d+ days: .* is .* here and was"):
            loaded.replay(tmp_path)
        values[place] = genuine


def test_a_model_of_a_version_that_rounds_differently_serves(
    served_model: DealModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a version whose exponential has other last bits, as NumPy's has with AVX-512
    genuine = BetaCalibration.apply
    with monkeypatch.context() as patched:
        patched.setattr(BetaCalibration, "apply", lambda *given: np.nextafter(genuine(*given), 0))
        served_model.save(tmp_path)
    loaded = DealModel.load(tmp_path)
    kept = [row.probability for row in Golden.from_json((tmp_path / "golden.json").read_text()).rows]
    assert not set(kept) & {row.probability for row in Golden.of(loaded).rows}
    # when / then
    loaded.replay(tmp_path)


@pytest.mark.parametrize("content", [None, "", "{}", '{"as_of": "2017-12-31", "rows": [[1]]}'])
def test_golden_rows_that_cannot_be_read_are_named(
    served_model: DealModel, tmp_path: Path, content: str | None
) -> None:
    # given
    if content is not None:
        (tmp_path / "golden.json").write_text(content)
    # when / then
    with pytest.raises(ModelError, match=r"the golden rows in .* cannot be read"):
        served_model.replay(tmp_path)
