"""The answer to a batch, which is worked out while it is given: the connection may be lent to the worker for body and answer."""

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from datetime import date
from typing import Any

from litestar import Request, Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from closecast.platform.journal.entry import new_id
from services.api import problems
from services.api.batch_answers import JSON, MEDIA_TYPES
from services.api.batch_desk import BatchDesk
from services.api.batch_wire import Ask, Opening, Parcel, Told
from services.api.heads import STRICT_LINE, lines, opening
from services.api.loan import Loan
from services.api.security_headers import is_secure

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
        request, lane = self._request, self._desk.lane
        loan = Loan.offered(scope, request.route_handler.resolve_request_max_body_size() or 0)
        if loan is not None:
            loan.invite()
        # Single predictions come in between: after the framework's part, and again between the steps of this one.
        await asyncio.sleep(0)
        parcel = lane.parcel()
        if loan is None:
            await self._fill(parcel)
        served = self._desk.champion.serving()
        ask = self._ask(served.version, loan)
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
        self._account(told)
        if told.problem is not None:
            headers = {"Retry-After": "2"} if told.problem.status == 503 else None
            refusal = problems.response(request, told.problem, headers).to_asgi_response(None, request)
            await refusal(scope, receive, send)
            return
        with nullcontext() if loan is None or not told.begun else loan.written(len(parcel)):
            await ASGIResponse(content_length=told.size, media_type=ask.answer_type).start_response(send)
        await deliver(parcel, send, lane.give_back)

    def _ask(self, version: str, loan: Loan | None) -> Ask:
        request, state = self._request, self._request.scope["state"]
        answer_type = request.accept.best_match(list(MEDIA_TYPES), JSON)
        return Ask(
            id=str(new_id()),
            request_id=state["request_id"],
            caller=state["caller"].id,
            folder="",
            model="",
            version=version,
            content_type=request.content_type[0],
            answer_type=answer_type,
            as_of=self._as_of,
            horizon=self._horizon,
            length=0 if loan is None else loan.length,
            opening=None if loan is None else self._opening(loan, answer_type),
        )

    def _opening(self, loan: Loan, answer_type: str) -> Opening | None:
        given = loan.lines()
        if given is None:
            return None
        state = self._request.scope["state"]
        identity = lines((b"x-request-id", state["request_id"].encode()))
        strict = STRICT_LINE if is_secure(list(self._request.scope["headers"])) else b""
        _, limit, tokens = state["rate_limit"]
        return Opening(
            opening(answer_type.encode()) + given + strict + identity, limit.quota, limit.window, float(tokens)
        )

    async def _fill(self, parcel: Parcel) -> None:
        async for piece in self._request.stream():
            parcel.add(piece)

    def _account(self, told: Told) -> None:
        state, deals = self._request.scope["state"], told.scored + told.refused
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
