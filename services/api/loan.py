"""A connection lent to another process: the rest of a body comes from it there, and the answer goes to it, past the event loop."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httptools
from litestar.exceptions import ClientException
from litestar.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.api.heads import CLOSE_LINE
from services.api.problems import CALLER_LEFT

EXTENSION, LOAN = "closecast.connection", "loan"  # of the ASGI scope, and what is in it


class _Nobody(asyncio.Transport):
    """Whom the server writes to what the caller has."""

    def write(self, data: Any) -> None:
        pass


class Loan:
    """The connection of one request whose body is still arriving.

    From `begin` to the end of the answer the server does not read from it. Made by the server's protocol for each request of
    known length, `server_lines` being the headers that the server gives each answer; uvicorn's own state is brought up to
    date here and nowhere else.
    """

    def __init__(self, protocol: HttpToolsProtocol, length: int, server_lines: Callable[[], bytes]) -> None:
        self._protocol = protocol
        self._cycle = protocol.cycle
        self._server_lines = server_lines
        self.length = length  # of the whole body, bytes
        self.is_begun = False  # at some time
        self._is_out = False  # so that nobody here knows how far it was read or written

    @staticmethod
    def offered(scope: Scope, most: int) -> "Loan | None":
        """What the server offers of this request, if its body has at most `most` bytes; None where the body must come as messages."""
        extensions: dict[str, Any] = scope.get("extensions") or {}
        loan: Loan | None = extensions.get(EXTENSION, {}).get(LOAN)
        return loan if loan is not None and loan.length <= most else None

    def invite(self) -> None:
        """Tell a caller who asked before sending the body (Expect) to go on. It is written at the end of the loop's turn."""
        if self._cycle.waiting_for_100_continue:
            self._cycle.waiting_for_100_continue = False
            self._protocol.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def begin(self) -> bytes:
        """Stop the server's reading; what it has of the body. Raises ClientException (400) when the caller has left."""
        if self._cycle.disconnected or self._protocol.transport.is_closing():
            raise ClientException(CALLER_LEFT)
        self._protocol.flow.pause_reading()
        begun = bytes(self._cycle.body)
        self._cycle.body = bytearray()
        self.is_begun = self._is_out = True
        return begun

    @property
    def descriptor(self) -> int:
        """Of the socket."""
        number: int = self._protocol.transport.get_extra_info("socket").fileno()
        return number

    def lines(self) -> bytes | None:
        """The headers that the server gives the answer; None while another process must not write it, since something of
        this one still waits to be written."""
        if self._protocol.transport.get_write_buffer_size():
            return None
        return self._server_lines() + (b"" if self._cycle.keep_alive else CLOSE_LINE)

    def read(self) -> None:
        """The whole body was taken from the socket."""
        self._is_out = False
        if self._cycle.more_body:
            # The parser still waits for a body that it will never see.
            parser = self._protocol.parser = httptools.HttpRequestParser(self._protocol)
            parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it
            self._protocol.on_message_complete()

    def hand_back(self, taken: bytes) -> None:
        """Only `taken` came from the socket: what follows comes as messages again, `taken` first."""
        self._is_out = False
        if taken and not self._cycle.disconnected:
            self._protocol.data_received(taken)

    @contextmanager
    def written(self, rest: int) -> Iterator[None]:
        """The answer is begun within, for all who watch it, and not sent: another process wrote it, but for its last `rest` bytes."""
        self._cycle.transport = _Nobody()
        try:
            yield
        finally:
            self._cycle.transport = self._protocol.transport
        self._cycle.expected_content_length = rest

    def end(self, may_be_written: bool) -> None:
        """The connection is not used after this request if it is not known how far it was read: who had it has ended.

        If that one had begun to write, nothing can be answered any more.
        """
        if self._is_out:
            self._cycle.keep_alive = False
            # What is left of the body will be no body to this parser: nobody shall wait for it.
            self._cycle.more_body = False
            self._cycle.message_event.set()
            if may_be_written:
                self._cycle.disconnected = True
                self._protocol.transport.abort()
