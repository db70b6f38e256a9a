"""Hostile HTTP through a real Caddy to a real API, and Java's own client to both: nobody gets another's answer, nobody waits for it."""

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from closecast.models.deal_model import DealModel
from tests.integration.services.api.live import live
from tests.integration.services.gateway.conftest import SIGNED_IN, Gateway, made, upstream
from tests.unit.services.api.conftest import KEY, keep, settings
from tests.waiting import until

pytestmark = pytest.mark.integration
BODY = '{"deal": {"engage_date": "2017-11-20"}, "as_of": "2017-12-01"}'
INNER = "GET /metrics HTTP/1.1\r\nHost: here\r\nX-Request-ID: smuggled\r\n\r\n"
MALFORMED = [
    b"g\r\n",
    b"3\r\nabcd\r\n0\r\n\r\n",
    b"\r\n",
    b"fffffffffffffffff\r\n",
    b"0x3\r\nabc\r\n0\r\n\r\n",
    b"-3\r\nabc\r\n",
    b"1;" + b"a" * 5000 + b"\r\na\r\n0\r\n\r\n",
    b"1\r\na\r\n0\r\nno colon\r\n\r\n",
]
PATHS = ["/v1/predictions", "/v1/predictions/batch", "/v1/explanations", "/v1/nothing"]


@pytest.fixture(scope="module")
def api(served_model: DealModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    cache = tmp_path_factory.mktemp("cache")
    keep(served_model, cache)
    with live(settings(cache)) as address:
        yield address


@pytest.fixture(scope="module")
def whole(api: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with the API behind it, and somebody who says what it is told in the interface's place."""
    gateway = made(tmp_path_factory.mktemp("gateway"))
    with upstream("ui") as ui:
        gateway.route([api.removeprefix("http://")], [ui.address])
        with gateway.served(), gateway.client() as client:
            until(lambda: client.get("/health/ready").status_code == 200, told=gateway.log)
            yield gateway


def _exchange(gateway: Gateway, content: bytes) -> bytes:
    """All that is answered until the other side closes."""
    plain = socket.create_connection(("127.0.0.1", gateway.port), timeout=60)
    with gateway.tls().wrap_socket(plain, server_hostname="localhost") as tls:
        parts = []
        with suppress(ssl.SSLError, ConnectionError):  # cut off while it sends, or without a farewell
            tls.sendall(content)
        with suppress(ssl.SSLError, ConnectionError):
            while part := tls.recv(65_536):
                parts.append(part)
        return b"".join(parts)


def _request(body: bytes, *lines: str, path: str = "/v1/predictions", method: str = "POST") -> bytes:
    told = "".join(
        f"{line}\r\n"
        for line in (
            "Host: localhost",
            f"X-API-Key: {KEY}",
            "Content-Type: application/json",
            *lines,
        )
    )
    return f"{method} {path} HTTP/1.1\r\n{told}Connection: close\r\n\r\n".encode() + body


def _java() -> str:
    java = shutil.which("java")
    if java is None:
        pytest.skip("there is no java: install OpenJDK 17 or later (apt: openjdk-17-jdk-headless)")
    return java


def _posts(*given: str) -> list[str]:
    source = Path(__file__).with_name("Posts.java")
    done = subprocess.run([_java(), str(source), *given], capture_output=True, text=True, check=False, timeout=250)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("path", PATHS[:3])
def test_javas_client_is_served(api: str, whole: Gateway, path: str) -> None:
    body = '{"deals": [{"engage_date": "2017-11-20"}]}' if path.endswith("batch") else BODY
    assert _posts(api + path, KEY, body) == ["200"] * 20
    assert _posts(whole.url + path, KEY, body, str(whole.root)) == ["200"] * 20


@pytest.fixture
def bystander(whole: Gateway) -> Iterator[list[tuple[int, str]]]:
    """Somebody who asks all the time over the same upstream connections; gives what is answered to it and is not its own."""
    foreign: list[tuple[int, str]] = []
    ended = threading.Event()

    def ask() -> None:
        with whole.client() as client:
            number = 0
            while not ended.is_set() or number < 20:
                number += 1
                answer = client.post(
                    "/v1/predictions",
                    content=BODY,
                    headers={"X-API-Key": KEY, "Content-Type": "application/json", "X-Request-ID": f"mine-{number}"},
                )
                if (answer.status_code, answer.headers.get("x-request-id")) != (200, f"mine-{number}"):
                    foreign.append((answer.status_code, answer.text))

    asking = [threading.Thread(target=ask) for _ in range(3)]
    for thread in asking:
        thread.start()
    yield foreign
    ended.set()
    for thread in asking:
        thread.join()
    assert foreign == []


UPGRADES = [
    ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQBAAAAAAIAAAAA"),
    ("Connection: Upgrade", "Upgrade: websocket"),
    ("Connection: keep-alive, upgrade", "Upgrade: anything"),
    ("Proxy-Connection: upgrade", "Upgrade: h2c"),
]


def test_nobody_gets_what_hides_in_anothers_body(whole: Gateway, bystander: list[tuple[int, str]]) -> None:
    # when bodies that look like requests come with the wish for another protocol, with a length and in chunks
    for number in range(200):
        upgrade, path = UPGRADES[number % len(UPGRADES)], PATHS[number % 3]
        inner = INNER.encode()
        if number % 2:
            content = b"%x\r\n%b\r\n0\r\n\r\n" % (len(inner), inner)
            answer = _exchange(whole, _request(content, "Transfer-Encoding: chunked", *upgrade, path=path))
        else:
            answer = _exchange(whole, _request(inner, f"Content-Length: {len(inner)}", *upgrade, path=path))
        # then each gets one answer, its own
        assert answer.split()[1] in (b"400", b"422"), answer
        assert answer.count(b"HTTP/1.1 ") == 1
    assert bystander == []


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", MALFORMED)
def test_malformed_chunks_are_the_callers_fault_and_cost_nobody_else_anything(
    whole: Gateway, bystander: list[tuple[int, str]], path: str, body: bytes
) -> None:
    answer = _exchange(whole, _request(body, "Transfer-Encoding: chunked", path=path))
    head = answer.partition(b"\r\n\r\n")[0].lower()
    assert head.startswith(b"http/1.1 400"), answer
    assert b"application/problem+json" in head
    assert b"retry-after" not in head
    assert b'"status":400' in answer
    assert bystander == []


@pytest.mark.parametrize(
    "lines",
    [
        ("Transfer-Encoding: chunked", "Content-Length: 3"),
        ("Content-Length: 3", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding: gzip, chunked",),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
        ("Transfer-Encoding : chunked",),
        ("Content-Length: 3", "Content-Length: 5"),
        ("Content-Length: +3",),
        ("Content-Length: 3, 5",),
        ("X: a\r\n Transfer-Encoding: chunked",),
        ("X: a\nTransfer-Encoding: chunked",),
    ],
)
def test_a_body_whose_end_is_doubtful_never_becomes_a_request(
    whole: Gateway, bystander: list[tuple[int, str]], lines: tuple[str, ...]
) -> None:
    for _ in range(10):
        answer = _exchange(whole, _request(b"0\r\n\r\n" + INNER.encode(), *lines))
        assert answer.split()[1] in (b"400", b"501"), answer
        assert answer.count(b"HTTP/1.1 ") == 1, answer
        assert b"closecast_requests" not in answer
    assert bystander == []


@pytest.mark.parametrize(
    ("host", "status"), [("localhost:abc", 400), ("localhost:99999999", 400), ("localhost:-1", 400)]
)
def test_a_host_with_an_impossible_port_is_refused(whole: Gateway, host: str, status: int) -> None:
    content = f"GET /v1/nothing HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    answer = _exchange(whole, content)
    assert answer.startswith(b"HTTP/1.1 %d" % status), answer


def test_another_protocol_goes_to_the_session_of_the_interface_alone(tmp_path: Path) -> None:
    upgrade = {**SIGNED_IN, "Connection": "Upgrade, HTTP2-Settings", "HTTP2-Settings": "AAMAAABkAAQBAAAAAAIAAAAA"}
    gateway = made(tmp_path)
    with upstream("api") as api, upstream("ui") as ui:
        gateway.route([api.address], [ui.address])
        with gateway.served(), gateway.client() as client:
            for path, wish, passes in (
                ("/_stcore/stream", "WebSocket", True),
                ("/_stcore/stream", "h2c", False),
                ("/", "websocket", False),
            ):
                seen = client.get(path, headers={**upgrade, "Upgrade": wish}).json()["headers"]
                assert ("upgrade" in seen) is passes, (path, wish)
                assert "http2-settings" not in seen
            posted = client.post("/_stcore/stream", headers={**upgrade, "Upgrade": "websocket"}, content=b"abc").json()
    assert "upgrade" not in posted["headers"]
    assert posted["bytes"] == 3


@pytest.mark.parametrize("path", ["/", "/_stcore/upload_file"])
def test_malformed_chunks_reach_nobodys_page(tmp_path: Path, path: str) -> None:
    gateway = made(tmp_path)
    cookie = f"Cookie: {SIGNED_IN['Cookie']}"
    with upstream("api") as api, upstream("ui") as ui:
        gateway.route([api.address], [ui.address])
        with gateway.served(), gateway.client() as client:
            for body in MALFORMED:
                answer = _exchange(gateway, _request(body, "Transfer-Encoding: chunked", cookie, path=path))
                assert answer.startswith(b"HTTP/1.1 400"), (body, answer)
                assert b'"status":400' in answer
                # and who has not signed in is told that, and reaches nobody
                answer = _exchange(gateway, _request(body, "Transfer-Encoding: chunked", path=path))
                assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 401")), (body, answer)
                assert client.get("/", headers=SIGNED_IN).status_code == 200
