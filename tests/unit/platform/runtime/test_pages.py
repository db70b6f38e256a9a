"""A health page asked by somebody who hangs up, and one that breaks by itself."""

import socket
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from closecast.platform.runtime.pages import PageServer
from tests.waiting import until


class Server(PageServer):
    """Knows whether anybody has left, and how many requests are done."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Slow)
        self.asked, self.left, self.done = threading.Event(), threading.Event(), 0

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self.done += 1


class Slow(BaseHTTPRequestHandler):
    """Answers after whoever asked has left, or fails."""

    server: Server

    def do_GET(self) -> None:
        if self.path == "/broken":
            raise RuntimeError("the page itself")
        self.server.asked.set()
        self.server.left.wait(60)
        for _ in range(50):
            self.wfile.write(b"x" * 100_000)

    def log_message(self, format: str, *args: object) -> None:
        """What the server writes of errors is looked at instead."""


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
