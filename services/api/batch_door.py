"""The door of batches: lets the plain ones of those who may score go to the worker before the framework sees them.

As with single predictions (services.api.fast_lane), whatever is out of the ordinary is left to the framework's route; so is
what fails, because that words it. What the framework does to a request takes longer than all the rest before the worker has
it, and single predictions wait meanwhile.
"""

from collections.abc import AsyncIterator

from litestar.exceptions import ClientException
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from closecast.features.horizon import QUARTER_END
from closecast.platform.callers.caller import CallerError
from services.api.admission import Entrance
from services.api.batch_answers import JSON, MEDIA_TYPES
from services.api.batch_desk import BatchDesk
from services.api.batch_exchange import BatchExchange, Sent
from services.api.edge import PREDICTIONS
from services.api.loan import Loan
from services.api.problems import CALLER_LEFT

BATCHES = f"{PREDICTIONS}/batch"
FAILURE = "batch_failure"  # in a request's state: what the route is to raise
_TYPES = {name.encode(): name for name in MEDIA_TYPES}
_ANSWER_TYPES = _TYPES | {b"*/*": JSON}


class BatchDoor:
    """Wraps the framework's application; bodies have at most `most` bytes."""

    def __init__(self, app: ASGIApp, desk: BatchDesk, entrance: Entrance, most: int) -> None:
        self._app = app
        self._desk = desk
        self._enter = entrance
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = self._plain(scope, receive)
        if exchange is None:
            await self._app(scope, receive, send)
            return
        begun = False

        async def answer(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        scope["path_template"] = BATCHES  # as the framework notes it
        try:
            await exchange.answer(scope, answer)
        except Exception as error:
            if begun:
                raise
            scope["state"][FAILURE] = error
            await self._app(scope, receive, send)

    def _plain(self, scope: Scope, receive: Receive) -> BatchExchange | None:
        """None for what the framework shall see. A caller who was let in has paid, and is in the state for it."""
        if scope.get("path") != BATCHES or scope.get("method") != "POST" or scope["query_string"]:
            return None
        loan, headers = Loan.offered(scope, self._most), dict(scope["headers"])
        content_type = _TYPES.get(headers.get(b"content-type", b""))
        answer_type = _ANSWER_TYPES.get(headers.get(b"accept", b"*/*"))
        if loan is None or content_type is None or answer_type is None or len(headers) < len(list(scope["headers"])):
            return None
        if b"content-encoding" in headers:
            return None
        try:
            entered = self._enter(headers.get(b"x-api-key"), headers.get(b"authorization"))
        except CallerError:
            return None
        if entered is None:
            return None
        scope["state"]["caller"], scope["state"]["rate_limit"] = entered
        if not entered[1].allowed:
            return None
        return BatchExchange(
            self._desk, Sent(content_type, answer_type, None, QUARTER_END), loan, lambda: _pieces(receive)
        )


async def _pieces(receive: Receive) -> AsyncIterator[bytes]:
    """The body as messages bring it. Raises ClientException (400) when the caller has left."""
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientException(CALLER_LEFT)
        yield message["body"]
        more = message["more_body"]
