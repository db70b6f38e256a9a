"""What the gateway lets in, what it keeps out, and what it tells the services behind it."""

import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.integration.services.gateway.conftest import (
    LIMITS,
    SIGNED_IN,
    Gateway,
    Handler,
    Upstream,
    breaks,
    upstream,
)

pytestmark = pytest.mark.integration


@pytest.fixture
def api() -> Iterator[Upstream]:
    with upstream("api") as server:
        yield server


@pytest.fixture
def hasty(gateway: Gateway, api: Upstream) -> Iterator[Gateway]:
    """The same with short limits."""
    gateway.environment.update(LIMITS)
    gateway.route([api.address])
    with gateway.served():
        yield gateway


@pytest.fixture
def open_gateway(gateway: Gateway, api: Upstream) -> Iterator[Gateway]:
    """With an API behind it."""
    gateway.route([api.address])
    with gateway.served():
        yield gateway


@pytest.mark.parametrize("http2", [False, True])
def test_a_request_comes_through_and_the_answer_names_no_program(open_gateway: Gateway, http2: bool) -> None:
    with open_gateway.client(http2) as client:
        answer = client.post("/v1/predictions", json={"deal": {}})
    assert answer.status_code == 200
    assert answer.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
    assert answer.json()["path"] == "/v1/predictions"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["strict-transport-security"] == "max-age=0"
    assert not {"server", "via", "x-powered-by", "alt-svc"} & set(answer.headers)


def test_who_does_not_know_the_authority_does_not_trust_it_and_without_tls_nobody_is_served(
    open_gateway: Gateway,
) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"{open_gateway.url}/v1/model", trust_env=False)
    assert httpx.get(f"http://127.0.0.1:{open_gateway.port}/v1/model", trust_env=False, timeout=60).status_code == 400


def test_the_caller_cannot_say_where_it_comes_from(open_gateway: Gateway, api: Upstream) -> None:
    forged = {
        "X-Forwarded-For": "9.9.9.9",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "evil",
        "X-Forwarded-Prefix": "/a",
        "X-Forwarded-User": "admin",
        "Forwarded": "for=9.9.9.9",
        "X-Real-IP": "9.9.9.9",
        "X-API-Key": "the key",
    }
    with open_gateway.client() as client:
        seen = client.get("/v1/model", headers=forged).json()["headers"]
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-forwarded-proto"] == "https"
    assert seen["x-forwarded-host"] == f"localhost:{open_gateway.port}"
    assert not {"x-forwarded-prefix", "x-forwarded-user", "forwarded", "x-real-ip"} & set(seen)
    assert seen["x-api-key"] == "the key"
    assert len(api.got) == 1


def test_every_request_has_an_id(open_gateway: Gateway) -> None:
    with open_gateway.client() as client:
        made = client.get("/v1/model").json()["headers"]["x-request-id"]
        kept = client.get("/v1/model", headers={"X-Request-ID": "mine-1"}).json()["headers"]["x-request-id"]
    assert len(made) == 36
    assert kept == "mine-1"
    assert made in open_gateway.log()


@pytest.mark.parametrize(
    "path",
    [
        "/metrics",
        "/metrics/",
        "/METRICS",
        "//metrics",
        "/%6detrics",
        "/v1/../metrics",
        "/v1/%2e%2e/metrics",
        "/v1/..%2fmetrics",
        "/metrics?a=b",
        "/v1/registry-events",
        "/v1//registry-events",
        "/v1/Registry-Events",
        "/v1/registry%2Devents",
        "/_stcore/metrics",
        "/_stcore/metrics/",
        "/_STCORE/metrics",
        "/_stcore//metrics",
        "/x/../_stcore/metrics",
        "/_stcore/%6detrics",
    ],
)
def test_what_is_for_the_inside_is_not_there(open_gateway: Gateway, api: Upstream, path: str) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    answer = _exchange(open_gateway, request.encode())
    assert answer.startswith(b"HTTP/1.1 404"), answer
    assert b"application/problem+json" in answer
    assert not api.got


def test_another_host_is_refused(open_gateway: Gateway, api: Upstream) -> None:
    with open_gateway.client() as client:
        answer = client.get("/v1/model", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.json()["title"]) == (421, "Misdirected Request")
    assert not api.got


@pytest.mark.parametrize("http2", [False, True])
def test_a_body_beyond_the_limit_that_is_not_for_the_api_is_refused_here(
    open_gateway: Gateway, api: Upstream, http2: bool
) -> None:
    with open_gateway.client(http2) as client:
        within = client.post("/v1/predictions/batch", content=b" " * 9_999_999)
        beyond = client.post("/_stcore/upload_file", content=b" " * 10_000_001)
    assert within.json()["bytes"] == 9_999_999
    assert (beyond.status_code, beyond.headers["content-type"]) == (413, "application/problem+json")
    assert "larger than 10 MB" in beyond.json()["detail"]
    assert len(api.got) == 1


@pytest.mark.parametrize(("size", "expect"), [(10_000_001, "Expect: 100-continue\r\n"), (100_000_001, "")])
def test_what_need_not_be_sent_and_what_is_far_too_large_is_refused_unread(
    open_gateway: Gateway, api: Upstream, size: int, expect: str
) -> None:
    with _connected(open_gateway) as tls:
        head = f"POST /v1/predictions/batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n{expect}\r\n"
        tls.sendall(head.encode())
        answer = tls.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 413"), answer
    assert not api.got


def test_who_sends_headers_slowly_is_cut_off(hasty: Gateway) -> None:
    with _connected(hasty) as tls:
        begin = time.monotonic()
        tls.sendall(b"GET /v1/model HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        assert _is_cut_off(tls, b"a")
    assert time.monotonic() - begin < 9


def test_who_sends_a_body_slowly_is_cut_off_and_costs_the_api_nothing(hasty: Gateway, api: Upstream) -> None:
    with _connected(hasty) as tls:
        begin = time.monotonic()
        tls.sendall(b"POST /v1/predictions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{")
        time.sleep(1)  # noqa: TID251 - nothing comes, for so long
        assert not api.got
        assert _is_cut_off(tls, b" ")
    assert time.monotonic() - begin < 25
    assert not api.got


def test_who_takes_the_answer_slowly_is_cut_off(gateway: Gateway) -> None:
    gateway.environment.update(LIMITS)

    # given an answer that no buffer on the way can hold
    def answers_much(handler: Handler) -> bool:
        handler.send(b"x" * 50_000_000)
        return True

    with upstream("api", answers_much) as server:
        gateway.route([server.address])
        with gateway.served(), _connected(gateway) as tls:
            # when it is asked for and not taken
            tls.sendall(b"GET /v1/pipeline HTTP/1.1\r\nHost: localhost\r\n\r\n")
            time.sleep(6)  # noqa: TID251 - longer than the gateway waits for who takes nothing
            # then it never comes whole
            received = 0
            try:
                while part := tls.recv(1_000_000):
                    received += len(part)
            except (ssl.SSLError, ConnectionError):
                received += 0  # cut off without a farewell, which is as good
    assert received < 50_000_000


def test_no_credential_reaches_the_log(gateway: Gateway) -> None:
    secrets = {
        "X-API-Key": "s3cret-key",
        "Authorization": "Bearer s3cret-token",
        "Cookie": "a=s3cret-cookie",
        "Proxy-Authorization": "Basic s3cret-basic",
        "X-MLflow-Signature": "v1,s3cret-signature",
        "Api-Key": "s3cret-other",
        "X-Auth-Token": "s3cret-auth",
        "X-Anything": "s3cret",
        "Referer": "https://x/?s3cret",
    }
    with upstream("api", breaks) as broken, upstream("ui") as ui:
        gateway.route([broken.address], [ui.address])
        with gateway.served(), gateway.client() as client:
            assert client.post("/v1/predictions", headers=secrets).status_code == 502
            assert client.get("/", headers=secrets).status_code == 401
            assert client.get("/", headers=SIGNED_IN).status_code == 200
            client.get("/metrics?token=s3cret", headers=secrets)
            client.get("/", headers={**secrets, "Host": "evil.example"})
        log = gateway.log()
    assert '"uri":"/v1/predictions"' in log
    assert '"uri":"/metrics~"' in log
    assert "s3cret" not in log
    assert "s3ssion" not in log


def test_a_certificate_of_ones_own_is_served(gateway: Gateway, tmp_path: Path) -> None:
    # given
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "deals.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = tmp_path / "own.crt", tmp_path / "own.key"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    gateway.environment["CLOSECAST_GATEWAY_TLS"] = f"{files[0]} {files[1]}"
    gateway.environment["CLOSECAST_GATEWAY_HOSTS"] = "localhost"
    gateway.environment["CLOSECAST_GATEWAY_HSTS"] = "31536000"
    # when
    own = replace(gateway, trusted=files[0])
    with own.served(), own.client() as client:
        answer = client.get("/health/gateway")
        # then the scheduler's check, which names no host, is answered too
        by_address = httpx.get(
            f"https://127.0.0.1:{gateway.port}/health/gateway", verify=False, trust_env=False, timeout=60
        )
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert by_address.text == "ok"


def _connected(gateway: Gateway) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", gateway.port), timeout=60)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    return gateway.tls().wrap_socket(plain, server_hostname="localhost")


def _exchange(gateway: Gateway, request: bytes) -> bytes:
    with _connected(gateway) as tls:
        tls.sendall(request)
        parts = []
        while part := tls.recv(65_536):
            parts.append(part)
        return b"".join(parts)


def _is_cut_off(tls: ssl.SSLSocket, drop: bytes) -> bool:
    """Whether the other side ends the connection while a byte goes out every 0.2 s, for at most 60 s."""
    deadline = time.monotonic() + 60
    try:
        while time.monotonic() < deadline:
            tls.sendall(drop)
            tls.settimeout(0.2)
            try:
                if tls.recv(1000) == b"":
                    return True
            except TimeoutError:
                continue
    except (ssl.SSLError, ConnectionError):
        return True
    return False
