"""Closing of connections: timeouts, and refusals of unreadable requests.

Refusals of the protocol are sent in the order of their requests, and logged and counted as those of the application.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.api.middleware.request_log import REFUSED
from services.api.problems import Problem
from services.api.transport.refusals import Refusals, new_id
from services.api.transport.response import lines

IDLE_SECONDS = 75  # keep-alive timeout: longer than the gateway's
REQUEST_SECONDS = 60.0  # how long a request may take to arrive; the gateway forwards complete ones
LOOK_SECONDS = 5.0
_LINGER_SECONDS = 2.0  # how long a refused caller may go on sending before the connection closes


class Flow(FlowControl):
    """Flow control that stays paused while unparsed data waits."""

    is_held = False

    def hold(self) -> None:
        self.is_held = True
        self.pause_reading()

    def resume_reading(self) -> None:
        if not self.is_held:
            super().resume_reading()


class ClosingProtocol(HttpToolsProtocol):
    """uvicorn's protocol with timeouts and refusals. Subclasses report when a request arrives."""

    flow: Flow

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._refusals: Refusals = self.app.refusals
        self._handed = False  # whether the application has the arriving request
        self._owed = 0  # requests that the application has not answered yet
        self._farewell: bytes | None = None  # the last answer of this connection, sent after those before it
        self._ended = False  # whether the last answer of this connection was sent
        self._since: float | None = None  # start of the current wait for the other side
        self._arriving = False  # whether part of a request has arrived
        self._look: asyncio.TimerHandle | None = None
        self._rendered: tuple[Any, bytes] = (None, b"")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = Flow(transport)
        self._since = self.loop.time()
        self._look = self.loop.call_later(LOOK_SECONDS, self._look_at_clock)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._look is not None:
            self._look.cancel()
        super().connection_lost(exc)

    def _look_at_clock(self) -> None:
        """Close connections that are idle or too slow."""
        self._look = self.loop.call_later(LOOK_SECONDS, self._look_at_clock)
        waited = 0.0 if self._since is None else self.loop.time() - self._since
        is_late = self._arriving and waited > REQUEST_SECONDS and not (self._owes() or self.flow.read_paused)
        if is_late and self._farewell is None:
            self._refuse(
                Problem("The request is too slow", 408, f"it was not here whole after {REQUEST_SECONDS:.0f} s")
            )
        elif waited > IDLE_SECONDS:
            self.transport.close()

    def _owes(self) -> bool:
        """Whether an earlier request is still to be answered, so that it is the caller who waits."""
        return self._owed > self._handed

    def _refuse(self, problem: Problem, request_id: str | None = None) -> None:
        """Answer the arriving request with `problem` after those before it, and read no more."""
        self._ended = True
        if self._handed and self.cycle.response_complete:
            self.transport.close()  # already answered
            return
        headers, state = self.headers or [], self.scope["state"] if self._handed else {}
        request_id = state.setdefault("request_id", request_id or new_id(headers))
        self._farewell = self._refusals.answer(problem, self.url or b"", headers, request_id, self._server_lines())
        if self._handed:
            # Counted and logged by the application, which learns that no more data comes.
            state[REFUSED] = problem.status
            self._owed -= 1
            cycle = self.cycle
            if self.pipeline and self.pipeline[0][0] is cycle:
                self.pipeline.popleft()
            elif cycle.response_started:
                self._farewell = b""  # its answer has begun, and is cut off
            cycle.disconnected = True
            cycle.message_event.set()
        else:
            begun = self._since if self._arriving and self._since is not None else self.loop.time()
            method = self.parser.get_method().decode() if self.url else ""
            self._refusals.log(problem, method, self.url or b"", request_id, self.loop.time() - begun)
        if not self._owed:
            self._leave()

    def _leave(self) -> None:
        """Send the last answer, discard input for a moment so that a sending client can read it, and close."""
        transport, farewell = self.transport, self._farewell
        if transport.is_closing() or farewell is None:
            return
        if not farewell:
            transport.close()
            return
        transport.write(farewell)
        transport.write_eof()
        self.flow.is_held = False
        self.flow.resume_reading()
        self.loop.call_later(_LINGER_SECONDS, transport.abort)

    def _server_lines(self) -> bytes:
        """The server's own headers, with the date of this second."""
        given = self.server_state.default_headers
        if self._rendered[0] is not given:
            self._rendered = given, lines(*given)
        return self._rendered[1]
