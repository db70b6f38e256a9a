"""The answer of the route of batches: what `BatchExchange` makes of the framework's request."""

from datetime import date
from typing import Any

from litestar import Request, Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from services.api.batch_answers import JSON, MEDIA_TYPES
from services.api.batch_desk import BatchDesk
from services.api.batch_exchange import BatchExchange, Sent
from services.api.loan import Loan


class BatchResponse(Response[Any]):
    """The answer to `request`, whose query says `as_of` and `horizon`."""

    def __init__(self, desk: BatchDesk, request: Request[Any, Any, Any], as_of: date | None, horizon: str) -> None:
        super().__init__(None)
        answer_type = request.accept.best_match(list(MEDIA_TYPES), JSON)
        loan = Loan.offered(request.scope, request.route_handler.resolve_request_max_body_size() or 0)
        sent = Sent(request.content_type[0], answer_type, as_of, horizon)
        self._exchange = BatchExchange(desk, sent, loan, request.stream)

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIResponse:
        return _Answer(self._exchange)


class _Answer(ASGIResponse):
    def __init__(self, exchange: BatchExchange) -> None:
        super().__init__()
        self._exchange = exchange

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the exchange has it
        await self._exchange.answer(scope, send)
