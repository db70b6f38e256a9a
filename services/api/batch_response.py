"""The answer to a batch, which is worked out while it is given: the connection may be lent to the worker for body and answer."""

import asyncio
from collections.abc import Callable
from datetime import date
from typing import Any

from litestar import Request, Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from closecast.platform.journal.entry import new_id
from services.api import problems
from services.api.batch_answers import JSON, MEDIA_TYPES
from services.api.batch_desk import BatchDesk
from services.api.batch_wire import Ask, Parcel, Told
from services.api.loan import Loan

Asked = Request[Any, Any, Any]


class BatchResponse(Response[Any]):
    """The answer to `request`, whose query says `as_of` and `horizon`."""

    def __init__(self, desk: BatchDesk, request: Asked, as_of: date | None, horizon: str) -> None:
        super().__init__(None)
        self._exchange = _Exchange(desk, request, as_of, horizon)

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIResponse:
        return self._exchange


class _Exchange(ASGIResponse):
    """From a body that is still arriving to an answer that has left.

    A large body goes from the caller's connection straight to the worker, and the answer back, when the server can lend
    the connection and as long as the caller keeps up; else both go through this process and a parcel, piece by piece.
    """

    def __init__(self, desk: BatchDesk, request: Asked, as_of: date | None, horizon: str) -> None:
        super().__init__()
        self._desk = desk
        self._request = request
        self._as_of = as_of
        self._horizon = horizon

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Single predictions come in between: after the framework's part, and again between the steps of this one.
        await asyncio.sleep(0)
        request, lane = self._request, self._desk.lane
        parcel = lane.parcel()
        loan = Loan.offered(scope, request.route_handler.resolve_request_max_body_size() or 0)
        if loan is None:
            await self._fill(parcel)
        served = self._desk.champion.serving()
        ask = self._ask(served.version, 0 if loan is None else loan.length)

        async def begin(told: Told, size: int) -> bool:
            self._account(told)
            await asyncio.sleep(0)
            await self._start(ask.answer_type, size, send)
            await asyncio.sleep(0)  # the server writes at the end of its turn
            return loan is not None and loan.is_flushed()

        try:
            with lane.place():
                told, is_begun = await lane.score(ask, served, parcel, loan, begin)
        finally:
            if loan is not None:
                loan.end()
        if told.stalled:
            await self._fill(parcel)
            with lane.place():
                told, is_begun = await lane.score(ask, served, parcel)
        if not is_begun:
            self._account(told)
        if told.problem is not None:
            headers = {"Retry-After": "2"} if told.problem.status == 503 else None
            refusal = problems.response(request, told.problem, headers).to_asgi_response(None, request)
            await refusal(scope, receive, send)
            return
        if not is_begun:
            await self._start(ask.answer_type, len(parcel), send)
        await deliver(parcel, send, lane.give_back)

    def _ask(self, version: str, length: int) -> Ask:
        request, state = self._request, self._request.scope["state"]
        return Ask(
            id=str(new_id()),
            request_id=state["request_id"],
            caller=state["caller"].id,
            folder="",
            model="",
            version=version,
            content_type=request.content_type[0],
            answer_type=request.accept.best_match(list(MEDIA_TYPES), JSON),
            as_of=self._as_of,
            horizon=self._horizon,
            length=length,
        )

    async def _fill(self, parcel: Parcel) -> None:
        async for piece in self._request.stream():
            parcel.add(piece)

    def _account(self, told: Told) -> None:
        state, deals = self._request.scope["state"], told.scored + told.refused
        # The first token was spent at the door; that the others overdraw the limit is for the next request to feel.
        state["rate_limit"] = self._desk.doors.limits.take(state["caller"], max(0, deals - 1))
        self._desk.metrics.batch(told.scored, told.refused, told.unseen)

    @staticmethod
    async def _start(media_type: str, size: int, send: Send) -> None:
        await ASGIResponse(content_length=size, media_type=media_type).start_response(send)


async def deliver(parcel: Parcel, send: Send, sent: Callable[[Parcel], None]) -> None:
    """Send what is in `parcel` as the content of an answer that has begun, or its rest; then `sent` gets the parcel."""
    # Whoever has gone is noticed by the server, which then sends nothing.
    for piece in parcel.pieces():
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        # The server takes pieces without a pause as long as the caller keeps up: single predictions come in between.
        await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": b"", "more_body": False})
    sent(parcel)
