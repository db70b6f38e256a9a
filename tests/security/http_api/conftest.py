"""A live API on a socket, and requests to it byte by byte."""

from collections.abc import Iterator

import httpx
import pytest

from tests.integration.services.api.conftest import address
from tests.integration.services.api.wire import Wire
from tests.unit.services.api.conftest import KEY, cache

__all__ = ["address", "cache"]

BODY = b'{"deal": {"engage_date": "2017-11-20"}, "as_of": "2017-12-01"}'
BEHIND = b"GET /health/live HTTP/1.1\r\nHost: here\r\nX-Request-ID: behind\r\n\r\n"
TE = b"Transfer-Encoding: chunked\r\n"
LIMIT = 65_536


@pytest.fixture
def wire(address: str) -> Wire:
    return Wire(address)


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, headers={"X-API-Key": KEY}, timeout=60, trust_env=False) as client:
        yield client


def post(*lines: bytes, path: bytes = b"/v1/predictions", body: bytes = BODY, length: bool = True) -> bytes:
    """A request to predict with these header lines beside the usual ones."""
    usual = b"Host: here\r\nContent-Type: application/json\r\nX-API-Key: %b\r\n" % KEY.encode()
    sized = b"Content-Length: %d\r\n" % len(body) if length else b""
    more = b"".join(line + b"\r\n" for line in lines)
    return b"POST %b HTTP/1.1\r\n%b%b%b\r\n%b" % (path, usual, sized, more, body)


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + end


def assert_whole(wire: Wire, status: int, words: str = "") -> None:
    """The next answer is a problem document with all that every answer has, and the last one."""
    found, headers, problem = wire.answer()
    assert found == status, problem
    assert headers["content-type"] == "application/problem+json"
    assert problem["status"] == status
    assert words in problem["detail"]
    assert problem["request_id"] == headers["x-request-id"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert "content-security-policy" in headers
    assert "date" in headers
    assert headers["connection"] == "close"
    assert wire.is_closed()


def count(client: httpx.Client, status: int, route: str = "") -> float:
    lines = client.get("/metrics").text.splitlines()
    counted = [line for line in lines if line.startswith("closecast_requests_total{") and f'status="{status}"' in line]
    return sum(float(line.split()[-1]) for line in counted if f'route="{route}' in line)
