"""A batch's question and answer, which is worked out while it is given: the connection may be lent to the worker for both."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date

from litestar.response.base import ASGIResponse
from litestar.types import Scope, Send

from closecast.platform.identity import Identity
from closecast.platform.journal.entry import new_id
from services.api.batch_desk import BatchDesk
from services.api.batch_wire import Ask, Opening, Parcel, Told
from services.api.heads import STRICT_LINE, lines, opening
from services.api.loan import Loan
from services.api.problems import ProblemError
from services.api.security_headers import is_secure


@dataclass(frozen=True)
class Sent:
    """What a request says beside its body: the media types of body and answer, and of CSV and Parquet the question."""

    content_type: str
    answer_type: str
    as_of: date | None
    horizon: str


class BatchExchange:
    """From a body that is still arriving to an answer that has left.

    A body goes from the caller's connection straight to the worker, and the answer back, when the server can lend the
    connection and as long as the caller keeps up; else both go through this process and a parcel, piece by piece, the
    body by `pieces`.
    """

    def __init__(
        self, desk: BatchDesk, sent: Sent, loan: Loan | None, pieces: Callable[[], AsyncIterator[bytes]]
    ) -> None:
        self._desk = desk
        self._sent = sent
        self._loan = loan
        self._pieces = pieces

    async def answer(self, scope: Scope, send: Send) -> None:
        """Answer the request of `scope`. Raises what the service has handlers for, before anything is sent."""
        lane, loan = self._desk.lane, self._loan
        if loan is not None:
            loan.invite()
        # Single predictions come in between: before this, and again between its steps.
        await asyncio.sleep(0)
        parcel = lane.parcel()
        if loan is None:
            await self._fill(parcel)
        served = self._desk.champion.serving()
        ask = self._ask(scope, served.identity)
        try:
            with lane.place():
                told = await lane.score(ask, served, parcel, loan)
        finally:
            if loan is not None:
                loan.end(parcel.is_marked)
        if told.stalled:
            await self._fill(parcel)
            with lane.place():
                told = await lane.score(ask, served, parcel)
        self._account(scope, told)
        if told.problem is not None:
            raise ProblemError(told.problem)
        with nullcontext() if loan is None or not told.begun else loan.written(len(parcel)):
            await ASGIResponse(content_length=told.size, media_type=ask.answer_type).start_response(send)
        await deliver(parcel, send, lane.give_back)

    def _ask(self, scope: Scope, model: Identity) -> Ask:
        sent, state = self._sent, scope["state"]
        return Ask(
            id=str(new_id()),
            request_id=state["request_id"],
            caller=state["caller"].id,
            folder="",
            model="",
            version=model.version,
            run_id=model.run_id,
            content_type=sent.content_type,
            answer_type=sent.answer_type,
            as_of=sent.as_of,
            horizon=sent.horizon,
            length=0 if self._loan is None else self._loan.length,
            opening=self._opening(scope),
        )

    def _opening(self, scope: Scope) -> Opening | None:
        given = None if self._loan is None else self._loan.lines()
        if given is None:
            return None
        state = scope["state"]
        identity = lines((b"x-request-id", state["request_id"].encode()))
        strict = STRICT_LINE if is_secure(list(scope["headers"])) else b""
        _, limit, tokens = state["rate_limit"]
        head = opening(self._sent.answer_type.encode()) + given + strict + identity
        return Opening(head, limit.quota, limit.window, float(tokens))

    async def _fill(self, parcel: Parcel) -> None:
        async for piece in self._pieces():
            parcel.add(piece)

    def _account(self, scope: Scope, told: Told) -> None:
        state, deals = scope["state"], told.scored + told.refused
        # The first token was spent at the door; that the others overdraw the limit is for the next request to feel.
        state["rate_limit"] = self._desk.doors.limits.take(state["caller"], max(0, deals - 1))
        self._desk.metrics.batch(told.scored, told.refused, told.unseen)


async def deliver(parcel: Parcel, send: Send, sent: Callable[[Parcel], None]) -> None:
    """Send what is in `parcel` as the content of an answer that has begun, or its rest; then `sent` gets the parcel."""
    # Whoever has gone is noticed by the server, which then sends nothing.
    for piece in parcel.pieces():
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        # The server takes pieces without a pause as long as the caller keeps up: single predictions come in between.
        await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": b"", "more_body": False})
    sent(parcel)
