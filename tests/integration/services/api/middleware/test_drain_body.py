"""A refusal reaches a caller of the API's own port, also where the connection ends with it."""

import socket
import time
from collections.abc import Iterator

import httpx
import pytest

from services.api.middleware import drain_body
from tests.unit.services.api.conftest import KEY

pytestmark = pytest.mark.integration


@pytest.fixture
def caller(address: str) -> Iterator[socket.socket]:
    url = httpx.URL(address)
    with socket.create_connection((url.host, url.port), timeout=60) as made:
        yield made


def _head(length: int | None, *lines: str, version: str = "1.1") -> bytes:
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    head = [f"POST /v1/predictions/batch HTTP/{version}", "Host: localhost", framing, *lines]
    return "\r\n".join([*head, "", ""]).encode()


def _answer(caller: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    parts = []
    while part := caller.recv(65_536):
        parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize(
    ("size", "line", "status"),
    [(10_000_001, f"X-API-Key: {KEY}", 413), (30_000_000, f"X-API-Key: {KEY}", 413), (5_000_000, "X-Nothing: 1", 401)],
)
def test_who_sends_all_first_and_closes_reads_the_refusal(
    caller: socket.socket, version: str, size: int, line: str, status: int
) -> None:
    # when all is sent before anything is read
    caller.sendall(_head(size, "Connection: close", line, version=version) + b" " * size)
    # then
    answer = _answer(caller)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer[:200]
    assert answer.endswith(b"}")


def test_a_body_of_no_told_length_is_heard_out_too(caller: socket.socket) -> None:
    caller.sendall(_head(None, "Connection: close", f"X-API-Key: {KEY}"))
    for _ in range(20):
        caller.sendall(b"F4240\r\n" + b" " * 1_000_000 + b"\r\n")
    caller.sendall(b"0\r\n\r\n")
    assert _answer(caller).startswith(b"HTTP/1.1 413 ")


def test_who_waits_for_a_word_before_sending_is_told_at_once(caller: socket.socket) -> None:
    caller.sendall(_head(10_000_000, "Expect: 100-continue"))
    assert caller.recv(65_536).startswith(b"HTTP/1.1 401 ")


def test_who_sends_nothing_more_is_answered(caller: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain_body, "STALLED_SECONDS", 0.2)
    caller.sendall(_head(10_000_001) + b" " * 1_000)
    assert caller.recv(65_536).startswith(b"HTTP/1.1 401 ")


def test_no_more_than_the_bound_is_taken_before_the_answer(
    caller: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(drain_body, "MOST_BYTES", 1_000_000)
    monkeypatch.setattr(drain_body, "STALLED_SECONDS", 60.0)
    begin = time.monotonic()
    # when
    caller.sendall(_head(50_000_000) + b" " * 2_000_000)
    # then
    assert caller.recv(65_536).startswith(b"HTTP/1.1 401 ")
    assert time.monotonic() - begin < 30


def test_who_sends_for_too_long_is_answered(caller: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain_body, "MOST_SECONDS", 0.5)
    caller.sendall(_head(50_000_000))
    caller.settimeout(0.05)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        caller.sendall(b" ")
        try:
            assert caller.recv(65_536).startswith(b"HTTP/1.1 401 ")
            return
        except TimeoutError:
            continue
    pytest.fail("there was no answer in 30 s")
