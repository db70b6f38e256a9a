"""Where one request ends and the next begins, as hostile bytes would have it, against a live API."""

import socket
import time
from collections.abc import Callable

import httpx
import pytest

from tests.integration.services.api.wire import Wire
from tests.security.http_api.conftest import BEHIND, BODY, TE, assert_whole, chunked, count, post
from tests.unit.services.api.conftest import KEY
from tests.waiting import until

# --- a wish for another protocol

UPGRADES = [
    (
        b"Connection: Upgrade, HTTP2-Settings",
        b"Upgrade: h2c",
        b"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
    ),
    (b"Upgrade: websocket", b"Connection: keep-alive, Upgrade"),
    (b"Connection: upgrade", b"Upgrade: h2c", b"Upgrade: websocket"),
    (b"Proxy-Connection: upgrade", b"Upgrade: anything"),
    (b"upgrade: TLS/1.0", b"connection: UPGRADE"),
]
FORMS: dict[str, Callable[..., bytes]] = {
    "fast": lambda *lines: post(*lines),
    "framework": lambda *lines: post(*lines, path=b"/v1/explanations"),
    "batch": lambda *lines: post(
        *lines, path=b"/v1/predictions/batch", body=b'{"deals": [{"engage_date": "2017-11-20"}]}'
    ),
    "chunks": lambda *lines: post(TE.strip(), *lines, body=chunked(BODY[:9], BODY[9:]), length=False),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("upgrade", UPGRADES)
def test_a_body_is_read_whatever_protocol_is_wished_for(wire: Wire, upgrade: tuple[bytes, ...], form: str) -> None:
    for _ in range(3):
        wire.send(FORMS[form](*upgrade) + BEHIND)
        assert wire.answer()[0] == 200
        assert wire.answer()[1]["x-request-id"] == "behind"


def test_a_body_that_looks_like_a_request_is_a_body(wire: Wire) -> None:
    inner = b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n"
    for split in (False, True):
        head, _, body = post(*UPGRADES[0], body=inner).partition(b"\r\n\r\n")
        wire.send(head + b"\r\n\r\n")
        if split:
            time.sleep(0.1)  # noqa: TID251 - so that they arrive one after the other
        wire.send(body + BEHIND)
        assert wire.answer()[0] == 400
        assert wire.answer()[1]["x-request-id"] == "behind"


@pytest.mark.parametrize("form", ["fast", "chunks"])
def test_the_request_may_be_split_anywhere(address: str, form: str) -> None:
    whole = FORMS[form](*UPGRADES[0])
    wire = Wire(address)
    wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for at in range(1, len(whole)):
        wire.send(whole[:at])
        time.sleep(0.001)  # noqa: TID251 - so that they arrive one after the other
        wire.send(whole[at:] + BEHIND)
        assert wire.answer()[0] == 200, at
        assert wire.answer()[1]["x-request-id"] == "behind", at


# --- doubtful ends


@pytest.mark.parametrize(
    "lines",
    [
        (TE.strip(), b"Content-Length: 3"),
        (b"Content-Length: 3", TE.strip()),
        (b"Transfer-Encoding: gzip, chunked",),
        (b"Transfer-Encoding: chunked, identity",),
        (b"Transfer-Encoding: xchunked",),
        (b"Transfer-Encoding: gzip",),
        (TE.strip(), TE.strip()),
        (b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"),
        (b"Transfer-Encoding : chunked",),
        (b"Transfer-Encoding: \x0bchunked",),
        (b"X: a\r\n Transfer-Encoding: chunked",),
        (b"X: a\nTransfer-Encoding: chunked",),
        (b"X: a\rTransfer-Encoding: chunked",),
        (b'Transfer-Encoding: "chunked"',),
        (b"Transfer-Encoding:",),
        (b"Transfer-Encoding: chunked;q=1",),
        (b"Content-Length: 3", b"Content-Length: 3"),
        (b"Content-Length: 3", b"Content-Length: 50"),
        (b"Content-Length: 3, 3",),
        (b"Content-Length: +3",),
        (b"Content-Length: -3",),
        (b"Content-Length: 0x3",),
        (b"Content-Length:",),
        (b"Content-Length: 3 4",),
        (b"Content-Length: \r\n 3",),
        (b"Content-Length: 99999999999999999999",),
        (b"Content-Length: 3\0",),
        (b"\x00: a",),
        (b"X Y: a",),
        (b"no colon",),
        (b": empty",),
    ],
)
def test_a_body_whose_end_is_doubtful_is_refused_and_nothing_behind_it_is_read(
    wire: Wire, client: httpx.Client, lines: tuple[bytes, ...]
) -> None:
    before = count(client, 400)
    wire.send(post(*lines, body=b"0\r\n\r\n" + BEHIND, length=False))
    assert_whole(wire, 400)
    assert count(client, 400) == before + 1


@pytest.mark.parametrize(
    "body",
    [
        b"0x3\r\nabc\r\n0\r\n\r\n",
        b"3\nabc\n0\n\n",
        b"3 \r\nabc\r\n0\r\n\r\n",
        b"-3\r\nabc\r\n",
        b"+3\r\nabc\r\n",
        b"g\r\n",
        b"\r\n",
        b"ffffffffffffffffff\r\n",
        b"3\r\nabcd\r\n0\r\n\r\n",
        b"3;a\nabc\r\n0\r\n\r\n",
        b"3\r\nab\r\n\r\n0\r\n\r\n",
        b"0\r\nno colon\r\n\r\n",
    ],
)
@pytest.mark.parametrize("path", [b"/v1/predictions", b"/v1/predictions/batch", b"/v1/explanations"])
def test_malformed_chunks_are_the_callers_fault_and_are_counted_once(
    wire: Wire, client: httpx.Client, body: bytes, path: bytes
) -> None:
    before = count(client, 400)
    wire.send(post(TE.strip(), path=path, body=body + BEHIND, length=False))
    assert_whole(wire, 400)
    until_counted(client, before + 1)


def until_counted(client: httpx.Client, expected: float) -> None:
    until(lambda: count(client, 400) >= expected)
    assert count(client, 400) == expected


def test_a_trailer_is_no_header(wire: Wire) -> None:
    # given a request without a key, and one behind its body
    body = chunked(BODY, end=b"0\r\nX-API-Key: %b\r\nX-Request-ID: trailed\r\n\r\n" % KEY.encode())
    request = post(TE.strip(), body=body, length=False).replace(b"X-API-Key: %b\r\n" % KEY.encode(), b"", 1)
    for path in (b"/v1/predictions", b"/v1/explanations"):
        wire.send(request.replace(b"/v1/predictions", path))
        status, headers, _ = wire.answer()
        assert status == 401
        assert headers["x-request-id"] != "trailed"


def test_an_answer_before_the_body_ends_the_connection(wire: Wire) -> None:
    # when one asks whether to send a body, and is told no: what comes then may be the body or a request
    wire.send(post(b"Expect: 100-continue", path=b"/v1/nothing").partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
    status, headers, _ = wire.answer()
    assert (status, headers["connection"]) == (404, "close")
    assert wire.is_closed()
