"""Hostile HTTP, byte by byte, against a live API on a socket: each answer is a whole problem document, and nobody else pays."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from closecast.models.deal_model import DealModel
from services.api.settings import Settings
from services.api.transport import protocol
from tests.unit.services.api.conftest import KEY, environment, keep, live, settings
from tests.unit.services.api.wire import Wire

BODY = b'{"deal": {"engage_date": "2017-11-20"}, "as_of": "2017-12-01"}'
BEHIND = b"GET /health/live HTTP/1.1\r\nHost: here\r\nX-Request-ID: behind\r\n\r\n"
TE = b"Transfer-Encoding: chunked\r\n"
LIMIT = 65_536


@pytest.fixture(scope="module")
def cached(served_model: DealModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    keep(served_model, folder)
    return folder


@pytest.fixture(scope="module")
def api(cached: Path) -> Iterator[str]:
    with live(settings(cached)) as address:
        yield address


@pytest.fixture
def wire(api: str) -> Wire:
    return Wire(api)


@pytest.fixture
def client(api: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=api, headers={"X-API-Key": KEY}, timeout=60, trust_env=False) as client:
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


# --- the size of heads


@pytest.mark.parametrize("path", [b"/v1/predictions", b"/v1/model", b"/health/live"])
@pytest.mark.parametrize("many", [False, True])
def test_a_head_up_to_the_bound_is_served_and_one_beyond_is_not(api: str, path: bytes, many: bool) -> None:
    for size, status in ((LIMIT, 200), (LIMIT + 1, 431), (LIMIT + 5000, 431)):
        head = post(path=path) if path == b"/v1/predictions" else b"GET %b HTTP/1.1\r\nHost: here\r\nX-API-Key: %b\r\n\r\n" % (
            path, KEY.encode())  # fmt: skip
        begun, _, body = head.partition(b"\r\n\r\n")
        left = size - len(begun) - 4
        line = b"\r\nX-%05d: "
        filled = b"".join(line % number + b"a" * 90 for number in range(left // 101 - 1)) if many else b""
        filled += b"\r\nX-Filled: " + b"a" * (left - len(filled) - 12)
        wire = Wire(api)
        wire.send(begun + filled + b"\r\n\r\n" + body)
        if status == 200:
            assert wire.answer()[0] == 200
        else:
            assert_whole(wire, 431, "65536 bytes")


@pytest.mark.parametrize("piece", [1, 100, 5000])
def test_a_long_head_is_refused_however_it_comes(api: str, piece: int) -> None:
    wire = Wire(api)
    content = b"GET /v1/model HTTP/1.1\r\nHost: here\r\nX-Long: " + b"a" * LIMIT
    wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with suppress(ConnectionError):
        for start in range(0, len(content), piece):
            wire.send(content[start : start + piece])
    assert_whole(wire, 431)


@pytest.mark.parametrize("begun", [
    b"GET /" + b"a" * 70_000, b"G" * 70_000, b"POST /v1/predictions HTTP/1.1\r\n" + b"a" * 70_000,
    b"POST /v1/predictions HTTP/1.1\r\n" + b"a: b\r\n" * 12_000,
    post(TE.strip(), body=b"1;" + b"e" * 70_000, length=False), post(TE.strip(), body=b"0" * 70_000, length=False),
    post(TE.strip(), body=chunked(BODY, end=b"0\r\nX-Trailer: " + b"t" * 70_000), length=False),
    post(TE.strip(), body=chunked(BODY, end=b"0\r\n" + b"a: b\r\n" * 12_000), length=False),
])  # fmt: skip
def test_what_stands_beside_a_body_is_bounded_wherever_it_stands(wire: Wire, begun: bytes) -> None:
    wire.send(begun)
    status, headers, problem = wire.answer()
    assert status == problem["status"] in (400, 431)
    assert headers["content-type"] == "application/problem+json"
    assert wire.is_closed()


def test_a_long_head_behind_other_requests_is_refused_after_their_answers(wire: Wire) -> None:
    wire.send(post() + post(b"Expect: 100-continue") + BEHIND + b"GET / HTTP/1.1\r\nX-Long: " + b"a" * 100_000)
    answers = []
    while len(answers) < 3:
        status = 100 if _is_invited(wire) else wire.answer()[0]
        if status != 100:
            answers.append(status)
    assert answers == [200, 200, 200]
    assert_whole(wire, 431)


def _is_invited(wire: Wire) -> bool:
    if not wire.file.peek(25).startswith(b"HTTP/1.1 100 Continue\r\n\r\n"):  # type: ignore[attr-defined]
        return False
    wire.file.read(25)
    return True


def test_a_body_in_many_small_chunks_is_no_long_head(wire: Wire) -> None:
    body = BODY[:-1] + b" " * 50_000 + b"}"
    wire.send(post(TE.strip(), body=chunked(*(bytes([byte]) for byte in body)), length=False))
    assert wire.answer()[0] == 200
    wire.send(BEHIND)
    assert wire.answer()[1]["x-request-id"] == "behind"


FLOODS: dict[str, tuple[bytes, bytes]] = {
    "one header": (b"GET /v1/model HTTP/1.1\r\nHost: here\r\nX-Long: ", b"a" * 1_000_000),
    "many headers": (b"GET /v1/model HTTP/1.1\r\nHost: here\r\n", b"X-Many: a\r\n" * 100_000),
    "a path": (b"GET /", b"a" * 1_000_000),
    "trailers": (post(TE.strip(), body=b"0\r\n", length=False), b"X-Many: a\r\n" * 100_000),
    "an extension": (post(TE.strip(), body=b"1;a=", length=False), b"a" * 1_000_000),
    "requests without waiting": (b"", BEHIND * 15_000),
}


@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood_costs_a_bystander_nothing(api: str, client: httpx.Client, kind: str) -> None:
    # given
    begun, flood = FLOODS[kind]
    ended = threading.Event()

    def pour() -> None:
        wire = Wire(api)
        with suppress(OSError):  # refused, and cut off in the middle
            wire.socket.settimeout(5)
            wire.send(begun)
            for _ in range(100):
                wire.send(flood)
        ended.set()

    pouring = threading.Thread(target=pour)
    memory = _memory(client)
    pouring.start()
    # when
    waits = []
    while not ended.is_set() or len(waits) < 20:
        start = time.monotonic()
        answer = client.post("/v1/predictions", content=BODY, headers={"Content-Type": "application/json"})
        waits.append(time.monotonic() - start)
        assert answer.status_code == 200
    pouring.join()
    # then it was answered all the time: 100 MB parsed as a whole took 18 s
    assert max(waits) < 5
    assert _memory(client) - memory < 60_000_000


def _memory(client: httpx.Client) -> float:
    lines = client.get("/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("process_resident_memory_bytes"))


# --- a wish for another protocol


UPGRADES = [
    (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA"),
    (b"Upgrade: websocket", b"Connection: keep-alive, Upgrade"),
    (b"Connection: upgrade", b"Upgrade: h2c", b"Upgrade: websocket"),
    (b"Proxy-Connection: upgrade", b"Upgrade: anything"),
    (b"upgrade: TLS/1.0", b"connection: UPGRADE"),
]  # fmt: skip
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
            time.sleep(0.1)
        wire.send(body + BEHIND)
        assert wire.answer()[0] == 400
        assert wire.answer()[1]["x-request-id"] == "behind"


@pytest.mark.parametrize("form", ["fast", "chunks"])
def test_the_request_may_be_split_anywhere(api: str, form: str) -> None:
    whole = FORMS[form](*UPGRADES[0])
    wire = Wire(api)
    wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for at in range(1, len(whole)):
        wire.send(whole[:at])
        time.sleep(0.001)
        wire.send(whole[at:] + BEHIND)
        assert wire.answer()[0] == 200, at
        assert wire.answer()[1]["x-request-id"] == "behind", at


# --- where one request ends and the next begins


@pytest.mark.parametrize("lines", [
    (TE.strip(), b"Content-Length: 3"), (b"Content-Length: 3", TE.strip()), (b"Transfer-Encoding: gzip, chunked",),
    (b"Transfer-Encoding: chunked, identity",), (b"Transfer-Encoding: xchunked",), (b"Transfer-Encoding: gzip",), (TE.strip(), TE.strip()),
    (b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"), (b"Transfer-Encoding : chunked",), (b"Transfer-Encoding: \x0bchunked",),
    (b"X: a\r\n Transfer-Encoding: chunked",), (b"X: a\nTransfer-Encoding: chunked",), (b"X: a\rTransfer-Encoding: chunked",),
    (b"Transfer-Encoding: \"chunked\"",), (b"Transfer-Encoding:",), (b"Transfer-Encoding: chunked;q=1",),
    (b"Content-Length: 3", b"Content-Length: 3"), (b"Content-Length: 3", b"Content-Length: 50"), (b"Content-Length: 3, 3",),
    (b"Content-Length: +3",), (b"Content-Length: -3",), (b"Content-Length: 0x3",), (b"Content-Length:",), (b"Content-Length: 3 4",),
    (b"Content-Length: \r\n 3",), (b"Content-Length: 99999999999999999999",), (b"Content-Length: 3\0",), (b"\x00: a",), (b"X Y: a",),
    (b"no colon",), (b": empty",),
])  # fmt: skip
def test_a_body_whose_end_is_doubtful_is_refused_and_nothing_behind_it_is_read(
    wire: Wire, client: httpx.Client, lines: tuple[bytes, ...]
) -> None:
    before = count(client, 400)
    wire.send(post(*lines, body=b"0\r\n\r\n" + BEHIND, length=False))
    assert_whole(wire, 400)
    assert count(client, 400) == before + 1


@pytest.mark.parametrize("body", [
    b"0x3\r\nabc\r\n0\r\n\r\n", b"3\nabc\n0\n\n", b"3 \r\nabc\r\n0\r\n\r\n", b"-3\r\nabc\r\n", b"+3\r\nabc\r\n", b"g\r\n", b"\r\n", b"ffffffffffffffffff\r\n",
    b"3\r\nabcd\r\n0\r\n\r\n", b"3;a\nabc\r\n0\r\n\r\n", b"3\r\nab\r\n\r\n0\r\n\r\n", b"0\r\nno colon\r\n\r\n",
])  # fmt: skip
@pytest.mark.parametrize("path", [b"/v1/predictions", b"/v1/predictions/batch", b"/v1/explanations"])
def test_malformed_chunks_are_the_callers_fault_and_are_counted_once(
    wire: Wire, client: httpx.Client, body: bytes, path: bytes
) -> None:
    before = count(client, 400)
    wire.send(post(TE.strip(), path=path, body=body + BEHIND, length=False))
    assert_whole(wire, 400)
    until_counted(client, before + 1)


def until_counted(client: httpx.Client, expected: float) -> None:
    deadline = time.monotonic() + 10
    while (found := count(client, 400)) < expected and time.monotonic() < deadline:
        time.sleep(0.05)
    assert found == expected


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


# --- what names no host, no address or another protocol


@pytest.mark.parametrize(("request_", "words"), [
    (b"GET /v1/model HTTP/1.1\r\n\r\n", "no Host"), (b"GET /v1/model HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "2 Host"),
    (b"GET /v1/model HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", "2 Host"), (post().replace(b"Host: here\r\n", b""), "no Host"),
    (post(b"Host: there"), "2 Host"), (b"GET /v1/model HTTP/1.1\r\nHost: a:b\r\n\r\n", "'a:b' is no host"),
    (b"GET /v1/model HTTP/1.1\r\nHost: a:99999\r\n\r\n", "is no host"), (b"GET /v1/model HTTP/1.1\r\nHost: a/b\r\n\r\n", "is no host"),
    (b"GET /v1/model HTTP/1.1\r\nHost: [::1\r\n\r\n", "is no host"), (b"GET /v1/model HTTP/1.1\r\nHost: a b\r\n\r\n", "is no host"),
    (b"GET /v1/model HTTP/1.1\r\nHost: a@b\r\n\r\n", "is no host"), (b"GET /v1/model HTTP/1.1\r\nHost: a:-1\r\n\r\n", "is no host"),
    (b"GET /v1/model HTTP/2.0\r\nHost: a\r\n\r\n", "HTTP/2.0"), (b"GET /v1/model HTTP/0.9\r\nHost: a\r\n\r\n", "HTTP/0.9"), (b"GET /v1/model\r\n\r\n", "HTTP/0.9"),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ""), (b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", "no address"),
    (b"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", "no address"), (b"GET http://a:b/v1/model HTTP/1.1\r\nHost: a\r\n\r\n", "no address"),
    ("GET /é HTTP/1.1\r\nHost: a\r\n\r\n".encode(), ""), (b"\x16\x03\x01\x00\xa5\x01\x00", ""), (b"HELLO\r\n\r\n", ""),
    (b"POST /v1/predictions HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.0"),
])  # fmt: skip
def test_what_http_does_not_allow_is_refused(api: str, client: httpx.Client, request_: bytes, words: str) -> None:
    before = count(client, 400, "unknown")
    for content in (request_, BEHIND + request_):
        wire = Wire(api)
        wire.send(content)
        if content is not request_:
            assert wire.answer()[0] == 200
        assert_whole(wire, 400, words)
    assert count(client, 400, "unknown") == before + 2


@pytest.mark.parametrize("host", ["here", "127.0.0.1:8000", "[::1]:80", "[::1]", "a_b.example", "", "here:"])
def test_what_is_a_host_is_served(wire: Wire, host: str) -> None:
    wire.send(f"GET /v1/nothing HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    status, _, problem = wire.answer()
    assert (status, problem["instance"]) == (404, "/v1/nothing")


def test_the_old_protocol_needs_no_host(wire: Wire) -> None:
    wire.send(b"GET /health/live HTTP/1.0\r\n\r\n")
    assert wire.answer()[0] == 200


# --- limits


@pytest.mark.parametrize("path", [b"/v1/predictions", b"/v1/predictions/batch", b"/v1/explanations"])
def test_a_refusal_for_a_spent_limit_is_counted_once(cached: Path, path: bytes) -> None:
    spare = {**environment(cached), "CLOSECAST_RATE_LIMITS": "viewer=2/1000,scorer=2/1000,admin=2/1000"}
    with live(Settings.from_environment(spare)) as address:
        wire = Wire(address)
        answers = []
        for _ in range(5):
            wire.send(post(path=path))
            answers.append(wire.answer())
        wire.send(b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n")
        text = wire.answer()[2].decode()
    refused = [status for status, _, _ in answers].count(429)
    assert refused >= 2  # a request is let in while anything at all is left
    assert f"closecast_rate_limit_refused_total {refused}.0" in text
    assert f'closecast_requests_total{{method="POST",route="{path.decode()}",status="429"}} {refused}.0' in text
    for _, headers, _ in answers:
        assert 0 <= int(headers["ratelimit"].partition("r=")[2].partition(";")[0]) <= 2


# --- failures of our own


def test_whatever_fails_is_answered_in_whole_and_told(
    cached: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    async def fails(*_: object) -> None:
        raise RecursionError("as deep as it goes")

    # given an application of which a part beyond the framework fails, and a protocol that does
    monkeypatch.setattr("services.api.batch_door.BatchDoor.__call__", fails)
    with live(settings(cached)) as address, httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
        answer = client.get("/v1/model", headers={"X-Request-ID": "mine"})
        monkeypatch.undo()
        monkeypatch.setattr(protocol, "content_length", lambda _: 1 // 0)
        wire = Wire(address)
        wire.send(BEHIND)
        # then
        assert_whole(wire, 500, "its log has the reason")
        monkeypatch.undo()
        assert 'status="500"' not in client.get("/health/live").text
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert answer.json() == {
        "title": "Internal server error", "status": 500, "instance": "/v1/model", "request_id": "mine",
        "detail": "the service failed on this request; its log has the reason under the request id",
    }  # fmt: skip
    assert answer.headers["x-request-id"] == "mine"
    assert answer.headers["x-content-type-options"] == "nosniff"
    told = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    failures = [line["error"] for line in told if line["event"] == "failure"]
    assert failures == ["RecursionError: as deep as it goes", "ZeroDivisionError: integer division or modulo by zero"]
    assert [line["status"] for line in told if line["event"] == "request" and line["status"] == 500] == [500, 500]
