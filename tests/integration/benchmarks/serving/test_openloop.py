"""The load generator beside a server that stalls: whoever had to wait is counted, and whoever was refused."""

import os
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from benchmarks.serving import openloop
from benchmarks.serving.load import Target

pytestmark = pytest.mark.integration
T = TypeVar("T", bound=socketserver.TCPServer)
RATE, SECONDS, STALL = 200.0, 3.0, 1.0


class Server(socketserver.ThreadingTCPServer):
    """Answers at once, but stands still for STALL seconds at answer `stalls_at`, and refuses answer `refuses_at`."""

    daemon_threads = True

    def __init__(self, stalls_at: int, refuses_at: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answered = 0
        self.bodies: set[bytes] = set()
        self._stalls_at, self._refuses_at = stalls_at, refuses_at
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/x"

    def status_of(self, body: bytes) -> bytes:
        with self._lock:  # one at a time, so that a stall holds all up
            self.bodies.add(body)
            self.answered += 1
            if self.answered == self._stalls_at:
                time.sleep(STALL)  # noqa: TID251 - the stall that is to be measured
            return b"503 Away" if self.answered == self._refuses_at else b"200 OK"


class Handler(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        length = 0
        for line in self.rfile:
            if line.startswith(b"Content-Length: "):
                length = int(line.split()[1])
            if line == b"\r\n":
                status = self.server.status_of(self.rfile.read(length))
                self.wfile.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\n{}")


class HangsUp(socketserver.BaseRequestHandler):
    """Takes a connection and closes it."""


class Unkind(socketserver.TCPServer):
    request_queue_size = 256  # a queue that is full would hold the generator up for seconds


@contextmanager
def serving(server: T) -> Iterator[T]:
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOSECAST_CACHE", str(tmp_path / "cache"))


def _load(target: Target, seconds: float, folder: Path) -> openloop.Open:
    return openloop.outcome(openloop.begin(target, RATE, seconds, sorted(os.sched_getaffinity(0)), folder), seconds)


def test_latencies_count_from_when_a_request_was_due(tmp_path: Path) -> None:
    # given a server that stands still for a second of three
    with serving(Server(stalls_at=200, refuses_at=50)) as server:
        target = Target(server.url, {"X-Sort": "test"}, [b'{"a": 1}', b'{"a": 2}'])
        # when requests arrive at a fixed rate
        found = _load(target, SECONDS, tmp_path)
    # then each was sent once, the refused one is told, and the bodies took turns
    assert found.ok + found.failed == server.answered == RATE * SECONDS
    assert (found.failed, found.refused, found.unsent) == (1, 1, 0)
    assert found.first_failure == found.last_failure == pytest.approx(50 / RATE, abs=0.2)
    assert server.bodies == set(target.bodies)
    # and all that were due during the stall waited, though only eight connections held them up: about a third of all
    assert found.max >= STALL * 1000 * 0.95
    assert found.p90 > STALL * 1000 * 0.5
    assert found.p50 < 100
    assert found.last_slow == pytest.approx(200 / RATE + STALL, abs=0.5)


def test_a_server_that_hangs_up_fails_requests_and_not_the_generator(tmp_path: Path) -> None:
    # given a server that takes every connection and hangs up
    with serving(Unkind(("127.0.0.1", 0), HangsUp)) as server:
        # when it is asked
        found = _load(Target(f"http://127.0.0.1:{server.server_address[1]}/x", {}, [b"{}"]), 1, tmp_path)
    # then every request that it came to is a failure
    assert (found.ok, found.failed + found.unsent) == (0, RATE)
    assert found.failed > RATE / 2
