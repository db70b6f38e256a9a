"""How HTTP reaches the service: uvicorn's protocol, with the fast lane before the application and patience that ends."""

import asyncio
from typing import Any

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.api.edge import PREDICTIONS
from services.api.fast_lane import LONGEST, FastLane
from services.api.problems import MEDIA_TYPE, Problem

IDLE_SECONDS = 75  # how long a connection may lie unused
_REQUEST_SECONDS = 60.0  # how long a request may take to arrive; the gateway hands on whole ones
_LOOK_SECONDS = 5.0
_PATH = PREDICTIONS.encode()
_CLOSE = b"connection: close\r\n"


class Protocol(HttpToolsProtocol):
    """One connection. A single prediction is answered as soon as its last byte is here, with no task, in one write."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._lane: FastLane = self.app.fast_lane
        self._held: bytes | None = None  # the body of a request that may go by the fast lane
        self._keeps = True  # whether the connection outlives that request
        self._rendered: tuple[Any, bytes] = (None, b"")
        self._since: float | None = None  # since when the other side is waited for
        self._arriving = False  # whether a part of a request is here
        self._look: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._since = self.loop.time()
        self._look = self.loop.call_later(_LOOK_SECONDS, self._look_at_clock)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._look is not None:
            self._look.cancel()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        # The scope is made when the application is to see the request: the fast lane needs none.
        self.url, self.headers, self.expect_100_continue = b"", [], False
        self._since, self._arriving = self.loop.time(), True

    def on_headers_complete(self) -> None:
        parser, cycle = self.parser, self.cycle
        if (
            self.url == _PATH
            and parser.get_method() == b"POST"
            and parser.get_http_version() == "1.1"
            and (cycle is None or cycle.response_complete)  # answers leave in the order of their requests
            and not (parser.should_upgrade() or self.expect_100_continue or self.flow.write_paused)
        ):
            self._held, self._keeps = b"", parser.should_keep_alive()
            return
        self._begin({})

    def on_body(self, body: bytes) -> None:
        if self._held is None:
            super().on_body(body)
            return
        self._held += body
        if len(self._held) > LONGEST:
            self._lane.decline()
            self._hand_on({})

    def on_message_complete(self) -> None:
        self._since, self._arriving = None, False
        held = self._held
        if held is None:
            super().on_message_complete()
            return
        state: dict[str, Any] = {}
        answer = self._lane.answer(self.headers, held, self._server_lines(), state)
        if answer is None:
            self._hand_on(state)
            super().on_message_complete()
            return
        self._held = None
        self.transport.write(answer)
        self._since = self.loop.time()
        if not self._keeps:
            self.transport.close()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._arriving:
            self._since = self.loop.time()

    def shutdown(self) -> None:
        if self._held is not None:
            self._hand_on({})  # so that what is on its way is answered before the connection closes
        super().shutdown()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP gets a problem document like everything else that is refused."""
        self._refuse(b"400 Bad Request", Problem("The request is not understood", 400, msg))

    def _hand_on(self, state: dict[str, Any]) -> None:
        """What was held goes to the application, which knows from `state` what was found out so far."""
        held, self._held = self._held, None
        self._begin(state)
        if held:
            super().on_body(held)

    def _begin(self, state: dict[str, Any]) -> None:
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers += headers  # the list that the scope has
        self.scope["state"].update(state)
        super().on_headers_complete()

    def _server_lines(self) -> bytes:
        """The server's own headers: the date, made anew each second, and the end of the connection."""
        given = self.server_state.default_headers
        if self._rendered[0] is not given:
            self._rendered = given, b"".join(b"%b: %b\r\n" % header for header in given)
        return self._rendered[1] if self._keeps else self._rendered[1] + _CLOSE

    def _look_at_clock(self) -> None:
        """A connection that says nothing, or says it too slowly, is not kept: it would be held from others."""
        self._look = self.loop.call_later(_LOOK_SECONDS, self._look_at_clock)
        waited = 0.0 if self._since is None else self.loop.time() - self._since
        if self._arriving and waited > _REQUEST_SECONDS:
            problem = Problem("The request is too slow", 408, f"it was not here whole after {_REQUEST_SECONDS:.0f} s")
            self._refuse(b"408 Request Timeout", problem)
        elif waited > IDLE_SECONDS:
            self.transport.close()

    def _refuse(self, status: bytes, problem: Problem) -> None:
        content = msgspec.json.encode(problem)
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            head = b"HTTP/1.1 %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n" % (
                status, MEDIA_TYPE.encode(), len(content),
            )  # fmt: skip
            self.transport.write(head + _CLOSE + b"\r\n" + content)
        self.transport.close()
