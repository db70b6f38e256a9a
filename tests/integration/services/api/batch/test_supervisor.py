"""The process that scores batches: what it writes down, and what its death or its end costs."""

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from litestar.exceptions import TooManyRequestsException

from closecast.models.deal_model import DealModel, digest
from closecast.platform.journal.entry import Entry, EntryError, check
from closecast.platform.journal.inbox import Draft, JournalFullError
from closecast.platform.journal.stream import Encoded
from closecast.platform.mlflow.registry import Identity, Served
from closecast.scoring.question import Question
from services.api.batch import read, score
from services.api.batch.messages import ScoreRequest, ScoreResult
from services.api.batch.shared_buffer import SharedBuffer
from services.api.batch.supervisor import BatchSupervisor
from services.api.batch.worker import Worker
from services.api.batch.write import JSON
from services.api.problems import UnavailableError
from tests.unit.services.api.batch_rows import CORPUS, OF_JSON, as_json

SEVENTH = Identity("7", "run-7", "0" * 64)


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


def _served(model: DealModel, folder: Path) -> Served:
    return Served(replace(SEVENTH, sha256=digest(folder)), model, folder)


def _ask(folder: Path, kind: str = JSON) -> ScoreRequest:
    return ScoreRequest(
        str(uuid4()),
        "r1",
        "ada",
        str(folder),
        "m",
        "7",
        "run-7",
        kind,
        JSON,
        date(2017, 12, 31),
        "60",
        sha256=digest(folder) if folder.exists() else "0" * 64,
    )


def test_what_is_scored_is_written_down_with_features_that_give_the_answer(
    folder: Path, served_model: DealModel
) -> None:
    # given
    journal = Kept()
    request = _ask(folder)
    # when
    result, parts = Worker(journal).answer(request, as_json([*CORPUS, *OF_JSON]))
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
    matrix = np.frombuffer(entry.features).reshape(len(scored), 23)
    assert served_model.scorer.predict(matrix).tolist() == entry.probability
    assert entry.deals["sales_agent"][entry.rows.index(3)] == " Ada Berg "


def test_a_batch_of_nothing_to_score_is_not_written_down(folder: Path) -> None:
    journal = Kept()
    result, _ = Worker(journal).answer(_ask(folder), as_json([{}, {"deal_stage": "Won"}]))
    assert (result.problem, result.scored, result.refused, journal.entries) == (None, 0, 2, [])


@pytest.mark.parametrize(("failure", "status"), [(JournalFullError("no room"), 503), (RuntimeError("a fault"), 500)])
def test_what_cannot_be_written_down_is_not_answered(folder: Path, failure: Exception, status: int) -> None:
    class Full(Kept):
        def append(self, draft: Encoded | Draft, patience_s: float = 0.0) -> None:  # noqa: ARG002 - none is needed
            raise failure from EntryError(str(draft))

    result, parts = Worker(Full()).answer(_ask(folder), as_json(CORPUS))
    assert result.problem is not None
    assert (result.problem.status, parts) == (status, ())


def test_a_model_that_is_gone_is_unavailable(tmp_path: Path) -> None:
    result, _ = Worker(None).answer(_ask(tmp_path / "nowhere"), as_json(CORPUS))
    assert result.problem is not None
    assert result.problem.status == 503


@pytest.fixture
def supervisor() -> Iterator[BatchSupervisor]:
    made = BatchSupervisor()
    yield made
    made.close()


async def _score(supervisor: BatchSupervisor, served: Served, rows: list[dict[str, Any]]) -> tuple[ScoreResult, Any]:
    """What was told, and the answer."""
    buffer = SharedBuffer.empty()
    buffer.add(as_json(rows))
    result = await supervisor.score(_ask(served.folder), served, buffer)
    return result, json.loads(buffer.content())


def _process(supervisor: BatchSupervisor) -> Any:
    assert supervisor.process is not None
    return supervisor.process


@pytest.mark.anyio
async def test_a_worker_that_is_killed_costs_one_batch_and_is_replaced(
    supervisor: BatchSupervisor, folder: Path, served_model: DealModel
) -> None:
    # given
    served = _served(served_model, folder)
    right = (await _score(supervisor, served, CORPUS))[1]
    first = _process(supervisor)
    # when it is killed between two batches, then nobody notices
    first.kill()
    first.wait()
    assert (await _score(supervisor, served, CORPUS))[1]["predictions"] == right["predictions"]
    # when it is killed at work
    os.kill(_process(supervisor).pid, signal.SIGSTOP)
    asked = asyncio.create_task(_score(supervisor, served, CORPUS))
    await asyncio.sleep(0.2)
    _process(supervisor).kill()
    # then
    with pytest.raises(UnavailableError, match="send the batch again"):
        await asked
    assert (await _score(supervisor, served, CORPUS))[1]["predictions"] == right["predictions"]
    assert supervisor.restarts == 2


@pytest.mark.anyio
async def test_the_answer_to_one_who_left_is_not_the_next_ones(
    supervisor: BatchSupervisor, folder: Path, served_model: DealModel
) -> None:
    # given a batch that nobody waits for any more, while the worker is at it
    served = _served(served_model, folder)
    await _score(supervisor, served, CORPUS)
    os.kill(_process(supervisor).pid, signal.SIGSTOP)
    asked = asyncio.create_task(_score(supervisor, served, CORPUS[:2]))
    await asyncio.sleep(0.1)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    # when / then
    result, answer = await _score(supervisor, served, CORPUS[:1])
    assert (result.scored, len(answer["predictions"])) == (1, 1)


@pytest.mark.anyio
async def test_batches_wait_for_those_before_them(
    supervisor: BatchSupervisor, folder: Path, served_model: DealModel
) -> None:
    served = _served(served_model, folder)
    answers = await asyncio.gather(*(_score(supervisor, served, CORPUS[:count]) for count in (1, 2, 3)))
    assert [len(answer["predictions"]) for _, answer in answers] == [1, 2, 3]
    assert supervisor.answered == 3


@pytest.mark.anyio
async def test_the_worker_ends_with_the_service(
    supervisor: BatchSupervisor, folder: Path, served_model: DealModel
) -> None:
    served = _served(served_model, folder)
    await _score(supervisor, served, CORPUS)
    process = _process(supervisor)
    supervisor.close()
    assert process.returncode == 0
    with pytest.raises(UnavailableError, match="being stopped"):
        await _score(supervisor, served, CORPUS)


@pytest.mark.anyio
async def test_a_later_history_is_the_workers_too(
    supervisor: BatchSupervisor, folder: Path, served_model: DealModel
) -> None:
    # given a model that serves with other deals than its folder has
    deals = served_model.deals.iloc[: len(served_model.deals) // 2]
    later = served_model.seen_with(deals, date(2017, 12, 31), "silver/later.parquet")
    rows = [{"engage_date": "2017-12-01", "sales_agent": "Ada Berg", "product": "GTX Pro", "account": "Oak Foods"}]
    before = (await _score(supervisor, _served(served_model, folder), rows))[1]["predictions"]
    # when
    after = (await _score(supervisor, _served(later, folder), rows))[1]["predictions"]
    # then
    table, _ = read.read_json(as_json(rows))
    question = Question.ask(later, date(2017, 12, 31), 60)
    assert after[0]["probability"] == score.score(later, table, question).probability[0]
    assert after != before


def test_more_batches_than_places_are_turned_away(supervisor: BatchSupervisor) -> None:
    with supervisor.slot(), supervisor.slot(), supervisor.slot():
        with pytest.raises(TooManyRequestsException) as caught, supervisor.slot():
            pass
        assert caught.value.headers == {"Retry-After": "1"}
    with supervisor.slot():
        assert supervisor.rejected == 1
