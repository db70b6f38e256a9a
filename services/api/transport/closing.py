"""How a connection ends: when patience is over, or with the refusal of what cannot be read.

Refusals of the protocol leave in the order of their requests, as all answers do, and are told as those of the application.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.api.middleware.request_log import REFUSED
from services.api.problems import Problem
from services.api.transport.refusals import Refusals, new_id
from services.api.transport.response_head import lines

IDLE_SECONDS = 75  # how long a connection may lie unused: longer than the gateway keeps its own
REQUEST_SECONDS = 60.0  # how long a request may take to arrive; the gateway hands on whole ones
LOOK_SECONDS = 5.0
_LINGER_SECONDS = 2.0  # for which a refused caller may go on sending before it must have read why


class Flow(FlowControl):
    """Stays paused while more is here than may be parsed, whoever asks for more."""

    is_held = False

    def hold(self) -> None:
        self.is_held = True
        self.pause_reading()

    def resume_reading(self) -> None:
        if not self.is_held:
            super().resume_reading()


class ClosingProtocol(HttpToolsProtocol):
    """uvicorn's protocol, and the end of its connection. Who parses says when a request arrives and whose it is."""

    flow: Flow

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._refusals: Refusals = self.app.refusals
        self._handed = False  # whether the application has the request that is arriving
        self._owed = 0  # requests that the application has and has not answered
        self._farewell: bytes | None = None  # the last answer of this connection, once those before it are given
        self._ended = False  # whether the last answer of this connection was given
        self._since: float | None = None  # since when the other side is waited for
        self._arriving = False  # whether a part of a request is here
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
        """A connection that says nothing, or says it too slowly, is not kept: it would be held from others."""
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
        """Whether an earlier request is still to be answered, so that the wait is the caller's."""
        return self._owed > self._handed

    def _refuse(self, problem: Problem, request_id: str | None = None) -> None:
        """Answer the request that is arriving with `problem`, once those before it are answered, and read no other."""
        self._ended = True
        if self._handed and self.cycle.response_complete:
            self.transport.close()  # it is answered already
            return
        headers, state = self.headers or [], self.scope["state"] if self._handed else {}
        request_id = state.setdefault("request_id", request_id or new_id(headers))
        self._farewell = self._refusals.answer(problem, self.url or b"", headers, request_id, self._server_lines())
        if self._handed:
            # Counted and logged with the application, which learns that no more is to come.
            state[REFUSED] = problem.status
            self._owed -= 1
            cycle = self.cycle
            if self.pipeline and self.pipeline[0][0] is cycle:
                self.pipeline.popleft()
            elif cycle.response_started:
                self._farewell = b""  # its answer has begun, and breaks off
            cycle.disconnected = True
            cycle.message_event.set()
        else:
            begun = self._since if self._arriving and self._since is not None else self.loop.time()
            method = self.parser.get_method().decode() if self.url else ""
            self._refusals.log(problem, method, self.url or b"", request_id, self.loop.time() - begun)
        if not self._owed:
            self._leave()

    def _leave(self) -> None:
        """Say the last word, and close. Who still sends may go on for a moment, unheard: else it may never read the word."""
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
        """The server's own headers: the date, made anew each second."""
        given = self.server_state.default_headers
        if self._rendered[0] is not given:
            self._rendered = given, lines(*given)
        return self._rendered[1]
