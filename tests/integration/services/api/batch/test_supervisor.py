"""The process that scores batches: what its death or its end costs."""

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from litestar.exceptions import TooManyRequestsException

from closecast.models.deal_model import DealModel, digest
from closecast.platform.mlflow.registry import Identity, Served
from closecast.scoring.question import Question
from services.api.batch import read, score
from services.api.batch.messages import ScoreResult
from services.api.batch.shared_buffer import SharedBuffer
from services.api.batch.supervisor import BatchSupervisor
from services.api.problems import UnavailableError
from tests.unit.services.api.batch_rows import CORPUS, as_json, asking
from tests.waiting import PATIENCE

SEVENTH = Identity("7", "run-7", "0" * 64)


@pytest.fixture
def folder(served_model: DealModel, tmp_path: Path) -> Path:
    served_model.save(tmp_path / "model")
    return tmp_path / "model"


def _served(model: DealModel, folder: Path) -> Served:
    return Served(replace(SEVENTH, sha256=digest(folder)), model, folder)


@pytest.fixture
def supervisor() -> Iterator[BatchSupervisor]:
    # Nobody is refused for a worker that a busy machine starts slowly: it gives way to all others.
    made = BatchSupervisor(wait_s=PATIENCE)
    yield made
    made.close()


async def _score(supervisor: BatchSupervisor, served: Served, rows: list[dict[str, Any]]) -> tuple[ScoreResult, Any]:
    """What was told, and the answer."""
    buffer = SharedBuffer.empty()
    buffer.add(as_json(rows))
    result = await supervisor.score(asking(served.folder), served, buffer)
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
    await asyncio.sleep(0)  # it has been asked
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
    await asyncio.sleep(0)  # it has been asked
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
async def test_a_batch_that_waits_too_long_for_those_before_it_is_refused(
    folder: Path, served_model: DealModel
) -> None:
    # given a worker that is stopped at a batch
    supervisor = BatchSupervisor(wait_s=0.1)
    served = _served(served_model, folder)
    await _score(supervisor, served, CORPUS[:1])
    os.kill(_process(supervisor).pid, signal.SIGSTOP)
    first = asyncio.create_task(_score(supervisor, served, CORPUS[:1]))
    await asyncio.sleep(0)  # it goes first
    # when / then
    with pytest.raises(UnavailableError, match=r"took longer than 0\.1 s: send it again later"):
        await _score(supervisor, served, CORPUS[:2])
    os.kill(_process(supervisor).pid, signal.SIGCONT)
    assert len((await first)[1]["predictions"]) == 1
    supervisor.close()


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
