"""A connection lent to another process: the rest of a body comes from it there, and the answer goes to it, past the event loop."""

from typing import Any

import httptools
from litestar.exceptions import ClientException
from litestar.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.api.problems import CALLER_LEFT

EXTENSION, LOAN = "closecast.connection", "loan"  # of the ASGI scope, and what is in it


class Loan:
    """The connection of one request whose body is still arriving.

    From `begin` to the end of the answer the server does not read from it. Made by the server's protocol for each request of
    known length; uvicorn's own state is brought up to date here and nowhere else.
    """

    def __init__(self, protocol: HttpToolsProtocol, length: int) -> None:
        self._protocol = protocol
        self._cycle = protocol.cycle
        self.length = length  # of the whole body, bytes
        self._is_out = False  # so that nobody here knows how far the body was read

    @staticmethod
    def offered(scope: Scope, most: int) -> "Loan | None":
        """What the server offers of this request, if its body has at most `most` bytes; None where the body must come as messages."""
        extensions: dict[str, Any] = scope.get("extensions") or {}
        loan: Loan | None = extensions.get(EXTENSION, {}).get(LOAN)
        return loan if loan is not None and loan.length <= most else None

    def begin(self) -> bytes:
        """Stop the server's reading; what it has of the body. Raises ClientException (400) when the caller has left."""
        if self._cycle.disconnected or self._protocol.transport.is_closing():
            raise ClientException(CALLER_LEFT)
        self._protocol.flow.pause_reading()
        begun = bytes(self._cycle.body)
        self._cycle.body = bytearray()
        self._is_out = True
        return begun

    @property
    def descriptor(self) -> int:
        """Of the socket."""
        number: int = self._protocol.transport.get_extra_info("socket").fileno()
        return number

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

    def end(self) -> None:
        """The connection is not used after this request if it is not known how far it was read: who had it has ended."""
        if self._is_out:
            self._cycle.keep_alive = False

    def is_flushed(self) -> bool:
        """Whether nothing waits to be written, so that what another process writes comes in its place."""
        transport = self._protocol.transport
        return not (self._cycle.disconnected or transport.is_closing()) and transport.get_write_buffer_size() == 0

    def wrote(self, count: int) -> None:
        """That many bytes of the answer's content were written by another process."""
        self._cycle.expected_content_length -= count
