"""The report of a training as the API tells it. The registry is a stand-in here: the real one is asked in tests/integration."""

import json
from typing import Any, cast

import pytest

from closecast.models import candidate as candidates
from closecast.platform.mlflow.registry import Identity, LostError, ModelRegistry
from services.api.problems import InvalidInputError
from services.api.records.runs import Runs
from services.api.serving.evaluations import Evaluations

MODEL = Identity("3", "run-3", "a" * 64)
DECISION = {"promoted": True, "checks": [{"name": "first", "passed": True, "sentence": "it is better"}]}


class _Registry:
    """Answers with one report, of the version 3."""

    def __init__(self, report: bytes) -> None:
        self._report = report

    def find(self, version: str) -> Identity | None:
        return MODEL if version == MODEL.version else None

    def evaluation(self, _model: Identity) -> bytes:
        return self._report


def _evaluations(report: Any) -> Evaluations:
    content = report if isinstance(report, bytes) else json.dumps(report, default=str).encode()
    return Evaluations(cast(ModelRegistry, _Registry(content)), Runs("http://mlflow.example"))


@pytest.fixture(scope="module")
def report(made_up_candidate: candidates.Candidate) -> dict[str, Any]:
    """What a training writes."""
    return {**made_up_candidate.report(), "decision": DECISION}


def test_it_tells_what_the_training_wrote(report: dict[str, Any]) -> None:
    found = _evaluations(report).evaluation(MODEL)
    assert (found.version, found.run_id, found.promoted) == ("3", "run-3", True)
    assert [(one.sentence, one.passed) for one in found.checks] == [("it is better", True)]
    assert [one.target for one in found.targets] == ["30_days", "quarter_end"]
    for one in found.targets:
        written = report["targets"][one.target]
        assert one.rows == written["rows_test"]
        assert one.log_loss["candidate"].value == written["ladder"]["all"]["rungs"]["candidate"]["log_loss"]["value"]
        assert {"base_rate", "age_calendar", "candidate"} <= one.log_loss.keys()
        assert sum(point.rows for point in one.reliability) == one.rows
        assert one.gain[-1].found == pytest.approx(1)
        assert [point.found for point in one.gain] == sorted(point.found for point in one.gain)


def test_an_older_report_has_no_gain_curve(report: dict[str, Any]) -> None:
    older = json.loads(json.dumps(report, default=str))
    for one in older["targets"].values():
        del one["gain"]
    assert [one.gain for one in _evaluations(older).evaluation(MODEL).targets] == [[], []]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b"{" * 100_000,
        b'{"decision": {"promoted": "yes", "checks": []}, "targets": {}}',
        b"null",
    ],
    ids=["empty", "list", "nothing in it", "no text", "deep", "wrong types", "null"],
)
def test_what_is_no_report_is_told_as_lost(content: bytes) -> None:
    with pytest.raises(LostError, match="is not what its training wrote"):
        _evaluations(content).evaluation(MODEL)


def test_a_report_without_the_model_itself_is_none(report: dict[str, Any]) -> None:
    broken = json.loads(json.dumps(report, default=str))
    del broken["targets"]["30_days"]["ladder"]["all"]["rungs"]["candidate"]
    with pytest.raises(LostError):
        _evaluations(broken).evaluation(MODEL)


def test_a_version_that_there_is_not_is_named(report: dict[str, Any]) -> None:
    assert _evaluations(report).identity("3") == MODEL
    with pytest.raises(InvalidInputError, match="there is no version 4"):
        _evaluations(report).identity("4")
