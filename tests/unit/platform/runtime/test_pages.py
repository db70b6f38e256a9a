"""A health page asked by somebody who hangs up, and one that breaks by itself."""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from closecast.platform.runtime.pages import PageServer


class Slow(BaseHTTPRequestHandler):
    """Answers after whoever asked has left, or fails."""

    def do_GET(self) -> None:
        if self.path == "/broken":
            raise RuntimeError("the page itself")
        time.sleep(0.3)
        for _ in range(50):
            self.wfile.write(b"x" * 100_000)

    def log_message(self, format: str, *args: object) -> None:
        """What the server writes of errors is looked at instead."""


@pytest.fixture
def port() -> Iterator[int]:
    with PageServer(("127.0.0.1", 0), Slow) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server.server_port
        server.shutdown()


def _ask(port: int, path: str) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        # Closed at once, with a reset: what is written afterwards fails.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        time.sleep(0.1)


def test_only_an_error_of_the_page_itself_is_written_down(port: int, capfd: pytest.CaptureFixture[str]) -> None:
    # when
    _ask(port, "/")
    time.sleep(1)
    # then
    assert capfd.readouterr().err == ""
    # when
    _ask(port, "/broken")
    time.sleep(0.5)
    # then
    assert "RuntimeError: the page itself" in capfd.readouterr().err
