"""Docker's health check of a container, as Docker runs it: a process with the environment of the service."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 503)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """The tests' output is theirs."""


@pytest.fixture
def port() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def _check(port: object, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "services.healthcheck", *arguments],
        env={"CLOSECAST_PORT": str(port)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_service_that_answers_is_healthy(port: int) -> None:
    assert _check(port, "/health").returncode == 0
    assert _check(port).returncode == 0


def test_a_service_that_says_no_or_nothing_is_not(port: int) -> None:
    assert _check(port, "/other").returncode == 1
    assert "503" in _check(port, "/other").stderr
    assert _check(port, "https:/health").returncode == 1
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = taken.getsockname()[1]
    assert "refused" in _check(closed).stderr


def test_a_port_that_is_none_is_told() -> None:
    assert _check("", "/health").stderr == "CLOSECAST_PORT is ''; expected a number\n"
