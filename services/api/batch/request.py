"""Answer a batch request: its body goes to the batch worker in shared memory, and the answer comes back in it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from litestar import Request, Response
from litestar.response import Stream

from closecast.platform.journal.entry import new_id
from services.api.access.callers import Callers
from services.api.batch.messages import ScoreRequest, ScoreResult
from services.api.batch.shared_buffer import SharedBuffer
from services.api.batch.supervisor import BatchSupervisor
from services.api.batch.write import JSON, MEDIA_TYPES
from services.api.problems import ProblemError
from services.api.serving.champion import Champion
from services.api.telemetry.metrics import Metrics


@dataclass(frozen=True)
class BatchRequests:
    """Answers and counts batch requests."""

    champion: Champion
    callers: Callers
    supervisor: BatchSupervisor
    metrics: Metrics

    async def answer(
        self, request: Request[Any, Any, Any], as_of: date | None, horizon: str, mapping: str | None
    ) -> Response[Any]:
        """Answer in the media type that the request accepts; `as_of`, `horizon` and `mapping` are the query's.

        Raises ProblemError for a batch that cannot be scored, and as BatchSupervisor's `slot` and `score`.
        """
        answer_type = request.accept.best_match(list(MEDIA_TYPES), JSON)
        buffer = self.supervisor.buffer()
        async for piece in request.stream():
            buffer.add(piece)
        served, state = self.champion.serving(), request.scope["state"]
        ask = ScoreRequest(
            id=str(new_id()),
            request_id=state["request_id"],
            caller=state["caller"].id,
            folder="",
            model="",
            version=served.identity.version,
            run_id=served.identity.run_id,
            content_type=request.content_type[0],
            answer_type=answer_type,
            as_of=as_of,
            horizon=horizon,
            profile=mapping,
        )
        with self.supervisor.slot():
            result = await self.supervisor.score(ask, served, buffer)
        self._account(request, result)
        if result.problem is not None:
            self.supervisor.recycle(buffer)
            raise ProblemError(result.problem)
        length = {"Content-Length": str(len(buffer))}
        return Stream(self._pieces(buffer), status_code=200, media_type=answer_type, headers=length)

    def _account(self, request: Request[Any, Any, Any], result: ScoreResult) -> None:
        state, deals = request.scope["state"], result.scored + result.refused
        # The first token was spent at admission.
        state["rate_limit"] = self.callers.limits.charge(state["caller"], max(0, deals - 1))
        self.metrics.batch(result.scored, result.refused, result.unseen)

    async def _pieces(self, buffer: SharedBuffer) -> AsyncIterator[bytes]:
        for piece in buffer.pieces():
            yield piece
            # The server accepts pieces without a pause while the caller keeps up: let single predictions run in between.
            await asyncio.sleep(0)
        self.supervisor.recycle(buffer)
