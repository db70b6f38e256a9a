"""How HTTP reaches the service: uvicorn's protocol, with the fast lane before the application and patience that ends."""

import asyncio
from typing import Any

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.api.edge import PREDICTIONS
from services.api.fast_lane import LONGEST, FastLane, Head
from services.api.heads import lines
from services.api.loan import EXTENSION, LOAN, Loan
from services.api.problems import MEDIA_TYPE, Problem

IDLE_SECONDS = 75  # how long a connection may lie unused: longer than the gateway keeps its own
_REQUEST_SECONDS = 60.0  # how long a request may take to arrive; the gateway hands on whole ones
_LOOK_SECONDS = 5.0
_PATH = PREDICTIONS.encode()
_MOST_HEADS = 32  # of one connection; they differ in the length of the body


class Protocol(HttpToolsProtocol):
    """One connection. A single prediction is answered as soon as its last byte is here, with no task, in one write."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._lane: FastLane = self.app.fast_lane
        self._head: Head | None = None  # of the request that may go by the fast lane, while it arrives
        self._held = b""  # its body so far
        self._heads: dict[bytes, Head] = {}  # that this connection sent before
        self._whole: bytes | None = None  # what came last, if a request began with it
        self._declined = False  # whether the fast lane has seen the request that is being parsed, and left it
        self._state: dict[str, Any] = {}  # what the fast lane found out of a request that it left to the framework
        self._ended = False  # whether the last answer of this connection was given
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

    def data_received(self, data: bytes) -> None:
        is_between = not self._arriving and self._is_free()
        if is_between:
            # A head that was parsed before, byte for byte the same, need not be parsed again; nor a body as long as it says.
            end = data.find(b"\r\n\r\n") + 4
            head = self._heads.get(data[:end])
            if head is not None and head.length == len(data) - end:
                self._unset_keepalive_if_required()
                if self._answer(head, data[end:]):
                    return
                self._declined = True
        self._whole = data if is_between else None
        super().data_received(data)

    def on_message_begin(self) -> None:
        # The scope is made when the application is to see the request: the fast lane needs none.
        self.url, self.headers, self.expect_100_continue = b"", [], False
        self._since, self._arriving = self.loop.time(), True

    def on_headers_complete(self) -> None:
        if self._ended:
            return  # what was sent behind the request that was to be the last
        parser = self.parser
        if (
            self.url == _PATH
            and parser.get_method() == b"POST"
            and parser.get_http_version() == "1.1"
            and not (parser.should_upgrade() or self.expect_100_continue or self._declined)
            and self._is_free()
        ):
            self._head, self._held = Head.of(self.headers, keeps=parser.should_keep_alive()), b""
            if self._head is not None:
                return
            self._lane.decline()
        self._begin()

    def on_body(self, body: bytes) -> None:
        if self._head is None:
            if not self._ended:
                super().on_body(body)
            return
        self._held += body
        if len(self._held) > LONGEST:
            self._lane.decline()
            self._hand_on()

    def on_message_complete(self) -> None:
        self._since, self._arriving = None, False
        head, held = self._head, self._held
        if head is None:
            if not self._ended:
                super().on_message_complete()
        elif self._answer(head, held):
            self._head = None
            self._learn(head, len(held))
        else:
            self._hand_on()
            super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._arriving:
            self._since = self.loop.time()

    def shutdown(self) -> None:
        if self._head is not None:
            self._hand_on()  # so that what is on its way is answered before the connection closes
        super().shutdown()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP gets a problem document like everything else that is refused."""
        self._refuse(b"400 Bad Request", Problem("The request is not understood", 400, msg))

    def _is_free(self) -> bool:
        """Whether an answer may be written now: answers leave in the order of their requests, and to who takes them."""
        return (self.cycle is None or self.cycle.response_complete) and not self.flow.write_paused

    def _answer(self, head: Head, body: bytes) -> bool:
        """Have the fast lane answer; if it does not, what it found out is kept for the framework."""
        state: dict[str, Any] = {}
        answer = self._lane.answer(head, body, self._server_lines(), state)
        if answer is None:
            self._state = state
            return False
        self.transport.write(answer)
        self._since = self.loop.time()
        if not head.keeps:
            self._ended = True
            self.transport.close()
        return True

    def _server_lines(self) -> bytes:
        """The server's own headers: the date, made anew each second."""
        given = self.server_state.default_headers
        if self._rendered[0] is not given:
            self._rendered = given, lines(*given)
        return self._rendered[1]

    def _learn(self, head: Head, length: int) -> None:
        """Keep the head that was just parsed, if it and its body are what came at once and nothing else."""
        whole, self._whole = self._whole, None
        if whole is None or head.length != length or not whole.startswith(b"POST "):
            return
        end = whole.find(b"\r\n\r\n") + 4
        if len(whole) - end == length:
            if len(self._heads) >= _MOST_HEADS:
                self._heads.clear()
            self._heads[whole[:end]] = head

    def _hand_on(self) -> None:
        """What was held goes to the application."""
        self._head = None
        self._begin()
        if self._held:
            super().on_body(self._held)

    def _begin(self) -> None:
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers += headers  # the list that the scope has
        self.scope["state"].update(self._state)
        self._state, self._declined = {}, False
        super().on_headers_complete()
        self._offer()

    def _offer(self) -> None:
        """Let the route have the connection itself, where all that is still to come is a body of known length."""
        length = next((value for name, value in self.headers if name == b"content-length"), b"")
        if length:  # the parser lets nothing pass but a number
            self.scope["extensions"] = {EXTENSION: {LOAN: Loan(self, int(length), self._server_lines)}}

    def _look_at_clock(self) -> None:
        """A connection that says nothing, or says it too slowly, is not kept: it would be held from others."""
        self._look = self.loop.call_later(_LOOK_SECONDS, self._look_at_clock)
        waited = 0.0 if self._since is None else self.loop.time() - self._since
        if self._arriving and waited > _REQUEST_SECONDS and not self._owes():
            problem = Problem("The request is too slow", 408, f"it was not here whole after {_REQUEST_SECONDS:.0f} s")
            self._refuse(b"408 Request Timeout", problem)
        elif waited > IDLE_SECONDS:
            self.transport.close()

    def _owes(self) -> bool:
        """Whether an earlier request is still to be answered, so that the wait is the caller's."""
        cycle = self.cycle
        return bool(self.pipeline) or not (cycle is None or cycle.response_complete or cycle.more_body)

    def _refuse(self, status: bytes, problem: Problem) -> None:
        content = msgspec.json.encode(problem)
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            head = b"HTTP/1.1 %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n" % (
                status, MEDIA_TYPE.encode(), len(content),
            )  # fmt: skip
            self.transport.write(head + b"connection: close\r\n\r\n" + content)
        self.transport.close()
