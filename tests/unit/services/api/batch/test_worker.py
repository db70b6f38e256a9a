"""What the worker answers to a batch, and what it writes down."""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from closecast.features import NAMES
from closecast.models.deal_model import DealModel
from closecast.platform.journal.entry import Entry, EntryError, check
from closecast.platform.journal.inbox import Draft, JournalFullError
from closecast.platform.journal.stream import Encoded
from services.api.batch.worker import Worker
from services.api.serving.pseudonyms import Pseudonyms
from tests.unit.services.api.batch_rows import CORPUS, OF_JSON, as_json, asking


class Kept:
    """A journal that keeps entries in memory."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def append(self, draft: Encoded | Draft, patience_s: float = 0.0) -> None:  # noqa: ARG002 - none is needed
        assert not isinstance(draft, Encoded)
        entry = draft.entry()
        check(entry)
        assert len(draft) == len(entry)
        self.entries.append(entry)


@pytest.fixture
def folder(served_model: DealModel, tmp_path: Path) -> Path:
    served_model.save(tmp_path / "model")
    return tmp_path / "model"


def test_what_is_scored_is_written_down_with_features_that_give_the_answer(
    folder: Path, served_model: DealModel
) -> None:
    # given
    journal = Kept()
    request = asking(folder)
    # when
    result, parts = Worker(journal, Pseudonyms(None, folder)).answer(request, as_json([*CORPUS, *OF_JSON]))
    # then
    content = json.loads(b"".join(parts))
    answers = content["predictions"]
    (entry,) = journal.entries
    scored = [one for one in answers if "probability" in one]
    assert (result.scored, result.refused) == (len(scored), len(answers) - len(scored))
    assert result.unseen == {"account": 2}
    assert (str(entry.id), entry.request_id, entry.caller, entry.kind) == (request.id, "r1", "ada", "batch")
    assert content["id"] == request.id
    assert entry.rows == [one["row"] for one in scored]
    assert entry.probability == [one["probability"] for one in scored]
    assert entry.unseen == [one.get("unseen", []) for one in scored]
    matrix = np.frombuffer(entry.features).reshape(len(scored), len(NAMES))
    assert served_model.scorer.predict(matrix).tolist() == entry.probability
    assert entry.deals["sales_agent"][entry.rows.index(3)] == " Ada Berg "


def test_a_stage_history_that_was_sent_is_written_down(folder: Path) -> None:
    # given
    journal = Kept()
    history = [{"changed": "2017-11-20", "stage": "Demo"}]
    rows: list[dict[str, Any]] = [
        {"engage_date": "2017-11-20"},
        {"engage_date": "2017-11-20", "stage_history": history},
    ]
    # when
    result, _ = Worker(journal, Pseudonyms(None, folder)).answer(asking(folder), as_json(rows))
    # then
    assert result.scored == 2
    kept = msgspec.json.decode(msgspec.json.encode(journal.entries[0].deals["stage_history"]))
    assert kept == [None, history]


def test_a_batch_of_nothing_to_score_is_not_written_down(folder: Path) -> None:
    journal = Kept()
    result, _ = Worker(journal, Pseudonyms(None, folder)).answer(asking(folder), as_json([{}, {"deal_stage": "Won"}]))
    assert (result.problem, result.scored, result.refused, journal.entries) == (None, 0, 2, [])


@pytest.mark.parametrize(("failure", "status"), [(JournalFullError("no room"), 503), (RuntimeError("a fault"), 500)])
def test_what_cannot_be_written_down_is_not_answered(folder: Path, failure: Exception, status: int) -> None:
    class Full(Kept):
        def append(self, draft: Encoded | Draft, patience_s: float = 0.0) -> None:  # noqa: ARG002 - none is needed
            raise failure from EntryError(str(draft))

    result, parts = Worker(Full(), Pseudonyms(None, folder)).answer(asking(folder), as_json(CORPUS))
    assert result.problem is not None
    assert (result.problem.status, parts) == (status, ())


def test_a_model_that_is_gone_is_unavailable(tmp_path: Path) -> None:
    result, _ = Worker(None, Pseudonyms(None, tmp_path)).answer(asking(tmp_path / "nowhere"), as_json(CORPUS))
    assert result.problem is not None
    assert result.problem.status == 503
