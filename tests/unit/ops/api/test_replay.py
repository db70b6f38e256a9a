"""`replay`: what it asks for, and that it tells a single changed bit."""

import math
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest

from closecast.models.deal_model import DealModel
from closecast.platform.mlflow.registry import ModelRegistry, Served
from ops.api import predict, replay
from ops.errors import OperatorError
from ops.nomad import jobs


@pytest.fixture
def record(served_model: DealModel, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """As GET /v1/predictions/{id} answers it, with features and answers of a real model, once through JSON."""
    builder = served_model.builder
    subjects = builder.history.encode(served_model.deals.head(1))
    days = [45, 30, 60]
    as_of = np.array([date(2017, 12, 1)] * 3, "M8[D]")
    matrix = builder.matrix(subjects, np.zeros(3, dtype=np.int64), as_of, np.array(days))
    answers = [float(value) for value in served_model.scorer.predict(matrix)]
    monkeypatch.setattr(ModelRegistry, "served", lambda _self, model, cache: Served(model, served_model, cache))
    found: dict[str, Any] = msgspec.json.decode(
        msgspec.json.encode(
            {
                "id": "0195a000-0000-7000-8000-000000000000",
                "row": 0,
                "time": "2026-01-01T00:00:00Z",
                "as_of": "2017-12-01",
                "horizon_days": 45,
                "model": {"name": "closecast", "version": "7", "run_id": "run-7"},
                "probability": answers[0],
                "probabilities": {"30": answers[1], "60": answers[2]},
                "days": days,
                "features": matrix.tolist(),
            }
        )
    )
    return found


def test_an_honest_record_comes_out_to_the_bit(record: dict[str, Any], tmp_path: Any) -> None:
    lines = replay.recompute(record, "http://127.0.0.1:9", tmp_path)
    assert [(line.asked, line.days) for line in lines] == [("asked", 45), ("30", 30), ("60", 60)]
    assert all(line.is_same for line in lines)


def test_a_batch_has_one_horizon(record: dict[str, Any], tmp_path: Any) -> None:
    one = {**record, "probabilities": None, "days": [45], "features": record["features"][:1]}
    assert [line.is_same for line in replay.recompute(one, "http://127.0.0.1:9", tmp_path)] == [True]


def test_two_names_of_one_horizon_share_a_line(record: dict[str, Any], tmp_path: Any) -> None:
    record["probabilities"]["quarter_end"] = record["probabilities"]["30"]  # as of 1 December
    lines = replay.recompute(record, "http://127.0.0.1:9", tmp_path)
    assert [(line.asked, line.days) for line in lines] == [("asked", 45), ("30", 30), ("60", 60), ("quarter_end", 30)]
    assert all(line.is_same for line in lines)


@pytest.fixture
def platform(record: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A platform that is up, and an API that has the record."""
    monkeypatch.setenv("CLOSECAST_STATE", str(tmp_path))
    credentials = SimpleNamespace(model_public_keys=lambda: None, mlflow_login=None)
    monkeypatch.setattr(replay, "connect", lambda: SimpleNamespace(cluster=None, credentials=credentials))
    monkeypatch.setattr(jobs, "address", lambda _cluster, _name: "http://127.0.0.1:9")
    monkeypatch.setattr(predict, "client", lambda _session: SimpleNamespace(call=lambda *_, **__: record))


@pytest.mark.usefixtures("platform")
def test_one_changed_bit_and_another_answer_are_told(
    record: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    # given an honest record
    assert replay.replay([record["id"]]) == 0
    assert capsys.readouterr().out.endswith("\nbit-identical\n")
    # when
    record["probability"] = math.nextafter(record["probability"], 1)
    # then
    assert replay.replay([record["id"]]) == 0
    printed = capsys.readouterr().out
    assert printed.count("last digits") == 2
    assert "\n1 of 3 differ in the last digits only: another version" in printed
    # when
    record["probabilities"]["30"] *= 1 - 1e-8
    # then
    assert replay.replay([record["id"]]) == 1
    printed = capsys.readouterr().out
    assert printed.count("DIFFERS") == printed.count("last digits") == 1
    assert printed.endswith("\n1 of 3 differ\n")


def test_a_record_that_does_not_add_up_is_refused(record: dict[str, Any], tmp_path: Any) -> None:
    record["probabilities"] = None
    with pytest.raises(OperatorError, match=r"answers for \[45\] days, and 3 lines of features for \[30, 45, 60\]"):
        replay.recompute(record, "http://127.0.0.1:9", tmp_path)
