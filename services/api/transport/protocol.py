"""The HTTP protocol of the service: uvicorn's, with the fast path before the application, and limits.

Data are parsed in pieces, so that exceeding a limit costs nothing, and only up to the second unanswered request:
callers may pipeline requests, but those wait unparsed.
"""

from typing import Any

import httptools

from services.api.middleware.request_log import PREDICTIONS
from services.api.problems import Problem, failure, log_failure
from services.api.transport.closing import ClosingProtocol
from services.api.transport.fast_path import LONGEST, FastPath, RequestHead
from services.api.transport.refusals import new_id
from services.api.transport.request_head import content_length, fault, without_upgrade

_PATH = PREDICTIONS.encode()
_MOST_HEADS = 32  # cached per connection; they differ in the length of the body
_LONGEST_HEAD = 65_536  # bytes of one request besides its body: head, chunk lines, trailers
_CHUNK_LINE = 24  # overhead of a chunk in bytes: its size in hexadecimal, and line ends
_PIECE = 4096  # bytes parsed at a time, except for bodies of known length


class Protocol(ClosingProtocol):
    """One connection.

    A single prediction is answered as soon as its last byte arrives, without a task, in one write.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._fast_path: FastPath = self.app.fast_path
        self._rest = b""  # received data that are not parsed yet
        self._spent = 0  # bytes of the arriving request, besides its body
        self._bodied = 0  # bytes of bodies in the piece that is being parsed
        self._begins = 0  # requests that begin in it
        self._body_left = 0  # bytes that a body of known length still has
        self._in_head = False  # whether headers that come are of a head, and not trailers
        self._again: bytes | None = None  # the head to parse again, without its Upgrade header
        self._keeps = True  # keep-alive of the arriving request
        self._head: RequestHead | None = None  # of an arriving request for the fast path
        self._held = b""  # its body so far
        self._heads: dict[bytes, RequestHead] = {}  # earlier heads of this connection
        self._whole: bytes | None = None  # the last data received, if a request began with them
        self._declined = False  # whether the fast path has declined this request
        self._state: dict[str, Any] = {}  # the fast path's results for a request that it declined

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        is_between = not (self._arriving or self._rest) and self._is_free()
        self._unset_keepalive_if_required()
        if is_between:
            # A head identical to an earlier one need not be parsed again, nor a body of the announced length.
            end = data.find(b"\r\n\r\n") + 4
            head = self._heads.get(data[:end])
            if head is not None and head.length == len(data) - end:
                if self._answer(head, data[end:]):
                    return
                self._declined = True
        self._whole = data if is_between else None
        if is_between and len(data) <= _PIECE:  # the usual case
            data = data[self._parse(data) :]
        if data and not self._ended:
            self._rest += data
            self._take()

    def _take(self) -> None:
        """Parse received data, until a second request is unanswered."""
        data, self._rest = memoryview(self._rest), b""
        at = 0
        while at < len(data) and not self._ended:
            if self.pipeline:
                self._rest = bytes(data[at:])
                self.flow.hold()
                return
            size = self._body_left or min(_PIECE, _LONGEST_HEAD - self._spent)
            at += self._parse(data[at : at + size])

    def _parse(self, piece: bytes | memoryview) -> int:
        """Feed `piece` to the parser; returns how many bytes are consumed."""
        starts_between = not self._arriving
        self._bodied = self._begins = 0
        taken = len(piece)
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as upgrade:
            # The parser would treat the request as one without a body, and its body as the next request.
            taken = upgrade.args[0]
            head, self._again = self._again, None
            if head is not None:  # else it was refused
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
                self.parser.feed_data(head)
        except httptools.HttpParserCallbackError as error:  # not the caller's fault
            request_id = new_id(self.headers or [])
            log_failure(request_id, error.__context__ or error)
            self._refuse(failure(), request_id)
        except httptools.HttpParserError as error:
            if not self._ended:
                self._refuse(Problem("The request is not understood", 400, f"this is no HTTP: {error}"))
        if not self._arriving or self._begins > starts_between:
            self._spent = 0  # the request's start in the piece is unknown, so the piece is not counted
        else:
            self._spent = max(0, self._spent + taken - self._bodied)
            if self._spent >= _LONGEST_HEAD and not (self._body_left or self._ended):  # and more is to come
                detail = f"the request has more than {_LONGEST_HEAD} bytes of headers, or of lines between its chunks"
                self._refuse(Problem("Request Header Fields Too Large", 431, detail))
        return taken

    def on_message_begin(self) -> None:
        # The scope is made only for the application: the fast path needs none.
        self.url, self.headers, self.expect_100_continue = b"", [], False
        self._since, self._arriving = self.loop.time(), True
        self._in_head, self._handed, self._body_left = True, False, 0
        self._begins += 1

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # trailers are not headers
            name = name.lower()
            if name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True
            self.headers.append((name, value))

    def on_chunk_header(self) -> None:
        self._bodied += _CHUNK_LINE

    def on_headers_complete(self) -> None:
        if self._ended:
            return  # data after the last request
        parser = self.parser
        method, version = parser.get_method(), parser.get_http_version()
        self._in_head = False
        problem = fault(version, method, self.url, self.headers)
        if problem is not None:
            self._refuse(problem)
            return
        if parser.should_upgrade():
            self._again = without_upgrade(version, method, self.url, self.headers)
            return
        self._keeps = version == "1.1" and parser.should_keep_alive()
        is_plain = version == "1.1" and not (self.expect_100_continue or self._declined)
        if self.url == _PATH and method == b"POST" and is_plain and self._is_free():
            self._head, self._held = RequestHead.of(self.headers, keeps=self._keeps), b""
            if self._head is not None:
                self._body_left = max(0, self._head.length)
                return
            self._fast_path.decline()
        self._body_left = content_length(self.headers) or 0
        self._begin()

    def on_body(self, body: bytes) -> None:
        self._bodied += len(body)
        if self._body_left:
            self._body_left -= len(body)
        if self._head is None:
            if not self._ended:
                super().on_body(body)
            return
        self._held += body
        if len(self._held) > LONGEST:
            self._fast_path.decline()
            self._hand_on()

    def on_message_complete(self) -> None:
        if self._again is not None:
            return  # it only seems so
        self._since, self._arriving, self._body_left = None, False, 0
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
        if not self._keeps:
            self._ended = True  # nothing after it is read

    def on_response_complete(self) -> None:
        self._owed -= 1
        self.flow.is_held = False
        super().on_response_complete()
        if not self._arriving:
            self._since = self.loop.time()
        if self._farewell is not None and not self._owed:
            self._leave()
        elif not self.transport.is_closing():
            self._take()

    def shutdown(self) -> None:
        if self._head is not None:
            self._hand_on()  # so that requests under way are answered before the connection closes
        super().shutdown()

    def _is_free(self) -> bool:
        """Whether an answer may be written now: in the order of requests, and if the client is reading."""
        return (self.cycle is None or self.cycle.response_complete) and not self.flow.write_paused

    def _answer(self, head: RequestHead, body: bytes) -> bool:
        """Answer by the fast path; if it declines, keep its results for the framework."""
        state: dict[str, Any] = {}
        answer = self._fast_path.answer(head, body, self._server_lines(), state)
        if answer is None:
            self._state = state
            return False
        self.transport.write(answer)
        self._since = self.loop.time()
        if not head.keeps:
            self._ended = True
            self.transport.close()
        return True

    def _learn(self, head: RequestHead, length: int) -> None:
        """Cache the head just parsed, if exactly it and its body arrived at once."""
        whole, self._whole = self._whole, None
        if whole is None or head.length != length or not whole.startswith(b"POST "):
            return
        end = whole.find(b"\r\n\r\n") + 4
        if len(whole) - end == length:
            if len(self._heads) >= _MOST_HEADS:
                self._heads.clear()
            self._heads[whole[:end]] = head

    def _hand_on(self) -> None:
        """Pass the held data to the application."""
        self._head = None
        self._begin()
        if self._held:
            super().on_body(self._held)

    def _begin(self) -> None:
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers += headers  # the scope's own list
        self.scope["state"].update(self._state)
        self._state, self._declined = {}, False
        self._handed = True
        self._owed += 1
        super().on_headers_complete()

    def _refuse(self, problem: Problem, request_id: str | None = None) -> None:
        self._rest, self._head, self._again = b"", None, None
        super()._refuse(problem, request_id)
