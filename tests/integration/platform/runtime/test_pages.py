"""A health page asked by somebody who hangs up or sends nothing, and one that breaks by itself."""

import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from closecast.platform.runtime.pages import PageHandler, PageServer, serve_pages
from tests.waiting import until


class Server(PageServer):
    """Knows whether anybody has left, and how many requests are done."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Slow)
        self.asked, self.left, self.done = threading.Event(), threading.Event(), 0

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self.done += 1


class Slow(PageHandler):
    """Answers after whoever asked has left, or fails."""

    server: Server

    def do_GET(self) -> None:
        if self.path == "/broken":
            raise RuntimeError("the page itself")
        self.server.asked.set()
        self.server.left.wait(60)
        for _ in range(50):
            self.wfile.write(b"x" * 100_000)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server
        server.shutdown()


def test_only_an_error_of_the_page_itself_is_written_down(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    # when somebody asks, and hangs up with a reset: what is written afterwards fails
    with socket.create_connection(("127.0.0.1", server.server_port)) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert server.asked.wait(60)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    server.left.set()
    until(lambda: server.done == 1)
    # then
    assert capfd.readouterr().err == ""
    # when
    with socket.create_connection(("127.0.0.1", server.server_port)) as connection:
        connection.sendall(b"GET /broken HTTP/1.0\r\n\r\n")
        until(lambda: server.done == 2)
    # then
    assert "RuntimeError: the page itself" in capfd.readouterr().err


class Quick(PageHandler):
    timeout = 0.2

    def do_POST(self) -> None:
        self.answer(200, "text/plain", b"taken\n")


@pytest.fixture
def quick() -> Iterator[PageServer]:
    server = serve_pages("127.0.0.1", 0, Quick)
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("sent", [b"", b"POST / HT", b"POST / HTTP/1.1\r\nHost: x\r\n"])
def test_who_sends_nothing_or_half_a_request_is_left(sent: bytes, quick: PageServer) -> None:
    with socket.create_connection(("127.0.0.1", quick.server_port), timeout=60) as connection:
        connection.sendall(sent)
        assert connection.recv(1) == b""


def test_a_body_that_was_not_read_is_no_second_request(quick: PageServer) -> None:
    request = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 19\r\n\r\nPOST / HTTP/1.1\r\n\r\n"
    with socket.create_connection(("127.0.0.1", quick.server_port), timeout=60) as connection:
        connection.sendall(request)
        answer = b"".join(iter(lambda: connection.recv(1_000), b""))
    assert answer.count(b"HTTP/1.0 200") == 1
    assert answer.endswith(b"\r\n\r\ntaken\n")
