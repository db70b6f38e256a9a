"""HTTP as it comes over the wire to a live service: in pieces, several at once, or left in the middle."""

import socket
import threading
from pathlib import Path

import httpx
import pytest

from services.api.transport.fast_path import LONGEST
from tests.conftest import Logged
from tests.integration.services.api.live import live
from tests.integration.services.api.wire import BODY, Wire, request
from tests.unit.services.api.conftest import settings
from tests.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture
def wire(address: str) -> Wire:
    return Wire(address)


def _statuses(logged: Logged) -> list[int]:
    """Of the requests that were logged."""
    return [line["status"] for line in logged() if line["event"] == "request"]


def test_a_request_in_single_bytes_is_answered(wire: Wire) -> None:
    for byte in request():
        wire.send(bytes([byte]))
    status, headers, answer = wire.answer()
    assert status == 200
    assert 0 < answer["probability"] < 1
    assert headers["x-request-id"] == answer["request_id"]
    assert headers["date"].endswith("GMT")
    assert headers["cache-control"] == "no-store"


def test_requests_that_come_together_are_answered_in_their_order(wire: Wire) -> None:
    # when fast ones stand among ones that the framework answers
    wire.send(
        b"".join(
            [
                request(X_Request_ID="1"),
                request(b"{", X_Request_ID="2"),
                request(X_Request_ID="3"),
                b"GET /health/live HTTP/1.1\r\nHost: here\r\nX-Request-ID: 4\r\n\r\n",
                request(X_Request_ID="5"),
            ]
        )
    )
    # then
    answers = [wire.answer() for _ in range(5)]
    assert [headers["x-request-id"] for _, headers, _ in answers] == list("12345")
    assert [status for status, _, _ in answers] == [200, 400, 200, 200, 200]


@pytest.mark.parametrize("body", [BODY, b"{"])
def test_a_connection_ends_when_the_caller_wants_it_to(wire: Wire, body: bytes) -> None:
    wire.send(request(body, Connection="close"))
    status, headers, _ = wire.answer()
    assert status in (200, 400)
    assert headers["connection"] == "close"
    assert wire.is_closed()


def test_the_old_protocol_is_spoken_too(wire: Wire) -> None:
    wire.send(request(version="1.0"))
    status, _, answer = wire.answer()
    assert status == 200
    assert answer["as_of"] == "2017-12-01"
    assert wire.is_closed()


def test_a_caller_who_asks_first_is_told_to_go_on(wire: Wire) -> None:
    head, _, body = request(Expect="100-continue").partition(b"\r\n\r\n")
    wire.send(head + b"\r\n\r\n")
    assert wire.file.readline() == b"HTTP/1.1 100 Continue\r\n"
    assert wire.file.readline() == b"\r\n"
    wire.send(body)
    assert wire.answer()[0] == 200


def test_a_body_in_chunks_and_a_long_one(wire: Wire) -> None:
    # given chunks, then a body longer than the fast path holds
    head = request().partition(b"Content-Length")[0]
    wire.send(head + b"Transfer-Encoding: chunked\r\n\r\n" + b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY))
    assert wire.answer()[0] == 200
    wire.send(request(BODY + b" " * LONGEST))
    assert wire.answer()[0] == 200
    wire.send(request())
    assert wire.answer()[0] == 200


def test_a_header_that_comes_twice_is_for_the_framework(wire: Wire) -> None:
    wire.send(request().replace(b"\r\n\r\n", b"\r\nX-API-Key: no\r\n\r\n", 1))
    assert wire.answer()[0] == 200  # the first counts


def test_nothing_is_read_behind_the_lastrequest(wire: Wire, served: httpx.Client) -> None:
    # given a request that is the last by its own words, and more behind it
    before = _scored(served)
    wire.send(request(Connection="close") + request() + request(b"{"))
    # when / then
    assert wire.answer()[0] == 200
    assert wire.is_closed()
    assert _scored(served) == before + 1


def _scored(served: httpx.Client) -> float:
    lines = served.get("/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("closecast_prediction_probability_count"))


def _listens(address: str) -> bool:
    host, port = address.removeprefix("http://").split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def test_what_is_half_here_when_the_service_stops_is_answered(cache: Path) -> None:
    # given
    with live(settings(cache)) as address:
        wire = Wire(address)
        content = request()
        wire.send(content[:-5])
        other = Wire(address)
        other.send(content)
        assert other.answer()[0] == 200  # whoever is answered now, was read after it

        def send_the_rest() -> None:
            until(lambda: not _listens(address))
            wire.send(content[-5:])

        late = threading.Thread(target=send_the_rest)
        late.start()
    # when it has stopped; then
    late.join()
    status, headers, _ = wire.answer()
    assert (status, headers["connection"]) == (200, "close")


def test_a_caller_who_leaves_is_no_failure_of_the_service(wire: Wire, address: str, logged: Logged) -> None:
    wire.send(request(b"x" * 3 * LONGEST)[: 2 * LONGEST])  # so that the framework has it
    other = Wire(address)
    other.send(request())
    assert other.answer()[0] == 200
    wire.socket.shutdown(socket.SHUT_RDWR)
    wire.socket.close()
    until(lambda: 400 in _statuses(logged))
    assert 500 not in _statuses(logged)
