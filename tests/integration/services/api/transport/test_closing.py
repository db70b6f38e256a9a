"""How connections to a live service end that say nothing, say it too slowly, or speak no HTTP."""

import select
import time
from pathlib import Path
from typing import Any

import pytest

from services.api import server
from services.api.transport import closing
from services.api.transport.fast_path import LONGEST
from tests.integration.services.api.live import live
from tests.integration.services.api.wire import BODY, Wire, request
from tests.unit.services.api.conftest import settings
from tests.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture
def wire(address: str) -> Wire:
    return Wire(address)


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x16\x03\x01\x00\xa5\x01\x00",
        b"HELLO\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        request(Content_Length="-1"),
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
    ],
)
def test_what_is_no_http_gets_a_problem(wire: Wire, nonsense: bytes) -> None:
    wire.send(nonsense)
    status, headers, problem = wire.answer()
    assert (status, problem["status"]) == (400, 400)
    assert headers["content-type"] == "application/problem+json"
    assert wire.is_closed()


@pytest.fixture
def hasty(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A service with little patience."""
    monkeypatch.setattr(closing, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(closing, "REQUEST_SECONDS", 0.6)
    monkeypatch.setattr(closing, "IDLE_SECONDS", 3)
    monkeypatch.setattr(server, "IDLE_SECONDS", 3)
    with live(settings(cache)) as address:
        yield address


@pytest.mark.parametrize("begun", [request()[:20], request()[:-1], request(BODY + b" " * LONGEST)[:-1]])
def test_a_request_that_does_not_end_is_ended(hasty: str, begun: bytes) -> None:
    # given
    wire = Wire(hasty)
    wire.send(begun)
    # when
    started = time.monotonic()
    status, _, problem = wire.answer()
    # then
    assert status == 408
    assert "not here whole after" in problem["detail"]
    assert time.monotonic() - started < 30
    assert wire.is_closed()


def test_a_connection_that_lies_idle_is_closed_and_a_busy_one_is_not(hasty: str) -> None:
    idle, used, busy = Wire(hasty), Wire(hasty), Wire(hasty)
    used.send(request())
    assert used.answer()[0] == 200
    busy.send(request(b"{"))  # the framework answers, and sets a clock of its own
    assert busy.answer()[0] == 400

    def are_closed() -> bool:
        busy.send(request())
        assert busy.answer()[0] == 200
        return {idle.socket, used.socket} <= set(select.select([idle.socket, used.socket], [], [], 0)[0])

    until(are_closed, pause=0.1)
    assert idle.is_closed()
    assert used.is_closed()
