"""Drain the rest of a body before an early answer: a client that is still sending may never read the answer otherwise.

Many clients send the whole body before they read, and none can rely on bytes that arrive just before a connection is
closed with unread data. A proxy in between, such as the gateway, forwards an early answer early.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from litestar.types import ASGIApp, Message, Receive, Send

# The most that is drained for one answer. The gateway forwards no larger body, and allows as much time.
MOST_BYTES = 100_000_000
MOST_SECONDS = 30.0
STALLED_SECONDS = 5.0  # a client that sends nothing for so long is waiting for the answer


class DrainBody:
    """Middleware that delays answers until the request's body has arrived, within limits."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        body = _Body(receive)
        expects = None if scope["type"] != "http" else _expects(scope["headers"])
        if expects is None:
            await self._app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            # With Expect: 100-continue the client has sent nothing yet, and the answer comes instead of the 100.
            if message["type"] == "http.response.start" and (body.is_begun or not expects):
                await body.take_rest()
            if message["type"] == "http.response.start" and body.has_more:
                # What follows may belong to this body or to the next request: it is ambiguous.
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        await self._app(scope, body.receive, answer)


class _Body:
    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.has_more = True
        self.is_begun = False  # the application has read from it

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
            return  # answer anyway


def _expects(headers: Iterable[tuple[bytes, bytes]]) -> bool | None:
    """Whether the client waits for 100-continue; None when there is no body."""
    named = dict(headers)
    if b"transfer-encoding" not in named and named.get(b"content-length", b"0") == b"0":
        return None
    return b"expect" in named
