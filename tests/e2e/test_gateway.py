"""The gateway of the running platform: TLS with an authority of its own, limits, and what it does not show."""

import socket
import ssl
import time

import httpx
import pytest

from ops.nomad import jobs
from tests.e2e.conftest import Platform

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(300),
    pytest.mark.skipif("gateway" not in jobs.runnable(), reason="there is no Caddy on this machine"),
]
DEAL = {"deal": {"engage_date": "2017-11-20"}, "as_of": "2017-12-01"}


def _trusted() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(jobs.root_certificate()))


def _client(platform: Platform) -> httpx.Client:
    headers = {"X-API-Key": platform.session.credentials.api_key}
    address = platform.address("gateway")
    return httpx.Client(base_url=address, verify=_trusted(), headers=headers, timeout=60, trust_env=False)


def test_the_gateway_answers_as_the_api_does_and_shows_the_user_interface(platform: Platform) -> None:
    with _client(platform) as client:
        answer = client.post("/v1/predictions", json=DEAL)
        assert answer.json()["probability"] == platform.api("POST", "/v1/predictions", json=DEAL).json()["probability"]
        assert not {"server", "via"} & set(answer.headers)
        signed_in = client.post(
            "/sign-in", data={"name": "closecast", "password": platform.session.credentials.ui_password}
        )
        assert (signed_in.status_code, signed_in.headers["location"]) == (303, "/")
        assert "<title>Streamlit</title>" in client.get("/").text


def test_the_gateway_hides_what_is_for_the_inside_and_refuses_large_bodies(platform: Platform) -> None:
    with _client(platform) as client:
        assert client.get("/metrics").status_code == 404
        assert client.post("/v1/registry-events", content=b"{}").status_code == 404
        large = client.post("/v1/predictions/batch", content=b" " * 10_000_001)
    assert (large.status_code, large.headers["content-type"]) == (413, "application/problem+json")


def test_the_gateway_cuts_off_who_sends_slowly(platform: Platform) -> None:
    port = int(platform.address("gateway").rpartition(":")[2])
    plain = socket.create_connection(("127.0.0.1", port), timeout=60)
    begin = time.monotonic()
    with _trusted().wrap_socket(plain, server_hostname="localhost") as tls:
        tls.sendall(b"GET /v1/model HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        assert tls.recv(1000) == b""
    assert 5 < time.monotonic() - begin < 20
