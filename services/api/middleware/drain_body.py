"""Takes in what is left of a body before an answer that does not need it: else who still sends may never read that answer.

Many clients send all of a body before they read anything, and none can rely on bytes that arrive just before a connection is
closed over what it has sent. A proxy in between, such as the gateway, hands an early answer on early.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from litestar.types import ASGIApp, Message, Receive, Send

# No more than this is thrown away for the sake of one answer. The gateway hands on no larger body, and allows as much time.
MOST_BYTES = 100_000_000
MOST_SECONDS = 30.0
STALLED_SECONDS = 5.0  # who sends nothing for so long waits for the answer


class DrainBody:
    """Wraps the whole application: an answer begins once the request is here, or has had its chance."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        body = _Body(receive)
        expects = None if scope["type"] != "http" else _expects(scope["headers"])
        if expects is None:
            await self._app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            # Who waits for a word before sending (Expect: 100-continue) has sent nothing, and gets the answer as that word.
            if message["type"] == "http.response.start" and (body.is_begun or not expects):
                await body.take_rest()
            if message["type"] == "http.response.start" and body.has_more:
                # What else comes is of this body still, or the next request: nobody could tell.
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        await self._app(scope, body.receive, answer)


class _Body:
    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.has_more = True
        self.is_begun = False  # somebody within has asked for it

    async def receive(self) -> Any:
        self.is_begun = True
        message = await self._receive()
        self.has_more = message["type"] == "http.request" and message["more_body"]
        return message

    async def take_rest(self) -> None:
        loop = asyncio.get_running_loop()
        taken, end = 0, loop.time() + MOST_SECONDS
        try:
            while self.has_more and taken < MOST_BYTES:
                async with asyncio.timeout_at(min(end, loop.time() + STALLED_SECONDS)):
                    message = await self.receive()
                taken += len(message["body"]) if message["type"] == "http.request" else 0
        except TimeoutError:
            return  # it is answered all the same


def _expects(headers: Iterable[tuple[bytes, bytes]]) -> bool | None:
    """Whether the caller waits to be told to send its body; None where there is no body."""
    named = dict(headers)
    if b"transfer-encoding" not in named and named.get(b"content-length", b"0") == b"0":
        return None
    return b"expect" in named
