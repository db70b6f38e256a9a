"""The batch worker beside a real Valkey: what it answered is in the stream, also when it is told to end at once."""

import json
from datetime import date
from pathlib import Path
from uuid import uuid4

import pytest
import redis

from closecast.models.deal_model import DealModel, digest
from closecast.platform.journal.entry import Entry
from closecast.platform.journal.stream import FIELD, STREAM, unpack
from closecast.platform.mlflow.registry import Identity, Served
from services.api.batch.messages import ScoreRequest
from services.api.batch.shared_buffer import SharedBuffer
from services.api.batch.supervisor import BatchSupervisor
from services.api.batch.write import JSON

pytestmark = [pytest.mark.integration, pytest.mark.anyio]


async def test_every_answer_of_a_batch_is_in_the_stream(
    valkey_url: str, served_model: DealModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a worker that knows the cache
    monkeypatch.setenv("CLOSECAST_CACHE_URL", valkey_url)
    monkeypatch.setenv("CLOSECAST_MODEL_CACHE", str(tmp_path))
    store = redis.Redis.from_url(valkey_url)
    store.delete(STREAM)
    served_model.save(tmp_path / "model")
    supervisor = BatchSupervisor()
    request = ScoreRequest(str(uuid4()), "r1", "ada", "", "", "7", "run-7", JSON, JSON, None, "quarter_end")
    rows = [{"opportunity_id": f"A{at}", "engage_date": f"2017-12-{at % 28 + 1:02}"} for at in range(1_000)]
    buffer = SharedBuffer.empty()
    buffer.add(json.dumps({"deals": [*rows, {}], "as_of": "2017-12-31", "horizon": 60}).encode())
    # when the service ends as soon as it has the answer
    result = await supervisor.score(
        request, Served(Identity("7", "run-7", digest(tmp_path / "model")), served_model, tmp_path / "model"), buffer
    )
    supervisor.close()
    # then
    assert (result.scored, result.refused) == (1_000, 1)
    answers = json.loads(buffer.content())["predictions"]
    entries: list[Entry] = []
    for _, fields in store.xrange(STREAM) or []:
        assert fields is not None
        message = fields[FIELD]
        assert isinstance(message, bytes)
        entries += unpack(message)
    assert {(str(one.id), one.as_of, one.horizon_days, one.caller) for one in entries} == {
        (request.id, date(2017, 12, 31), 60, "ada")
    }
    kept = {row: value for one in entries for row, value in zip(one.rows, one.probability, strict=True)}
    assert kept == {one["row"]: one["probability"] for one in answers[:1_000]}
