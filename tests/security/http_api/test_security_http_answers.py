"""What HTTP does not allow, spent limits and failures of our own: each answer of a live API is a whole problem document."""

from pathlib import Path

import httpx
import pytest

from services.api.settings import Settings
from services.api.transport import protocol
from tests.conftest import Logged
from tests.integration.services.api.live import live
from tests.integration.services.api.wire import Wire
from tests.security.http_api.conftest import BEHIND, assert_whole, count, post
from tests.unit.services.api.conftest import KEY, environment, settings

# --- what names no host, no address or another protocol


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (b"GET /v1/model HTTP/1.1\r\n\r\n", "no Host"),
        (b"GET /v1/model HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "2 Host"),
        (b"GET /v1/model HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", "2 Host"),
        (post().replace(b"Host: here\r\n", b""), "no Host"),
        (post(b"Host: there"), "2 Host"),
        (b"GET /v1/model HTTP/1.1\r\nHost: a:b\r\n\r\n", "'a:b' is no host"),
        (b"GET /v1/model HTTP/1.1\r\nHost: a:99999\r\n\r\n", "is no host"),
        (b"GET /v1/model HTTP/1.1\r\nHost: a/b\r\n\r\n", "is no host"),
        (b"GET /v1/model HTTP/1.1\r\nHost: [::1\r\n\r\n", "is no host"),
        (b"GET /v1/model HTTP/1.1\r\nHost: a b\r\n\r\n", "is no host"),
        (b"GET /v1/model HTTP/1.1\r\nHost: a@b\r\n\r\n", "is no host"),
        (b"GET /v1/model HTTP/1.1\r\nHost: a:-1\r\n\r\n", "is no host"),
        (b"GET /v1/model HTTP/2.0\r\nHost: a\r\n\r\n", "HTTP/2.0"),
        (b"GET /v1/model HTTP/0.9\r\nHost: a\r\n\r\n", "HTTP/0.9"),
        (b"GET /v1/model\r\n\r\n", "HTTP/0.9"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ""),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", "no address"),
        (b"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", "no address"),
        (b"GET http://a:b/v1/model HTTP/1.1\r\nHost: a\r\n\r\n", "no address"),
        ("GET /é HTTP/1.1\r\nHost: a\r\n\r\n".encode(), ""),
        (b"\x16\x03\x01\x00\xa5\x01\x00", ""),
        (b"HELLO\r\n\r\n", ""),
        (b"POST /v1/predictions HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.0"),
    ],
)
def test_what_http_does_not_allow_is_refused(address: str, client: httpx.Client, request_: bytes, words: str) -> None:
    before = count(client, 400, "unknown")
    for content in (request_, BEHIND + request_):
        wire = Wire(address)
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
def test_a_refusal_for_a_spent_limit_is_counted_once(cache: Path, path: bytes) -> None:
    spare = {**environment(cache), "CLOSECAST_RATE_LIMITS": "viewer=2/1000,scorer=2/1000,admin=2/1000"}
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


def test_a_batch_that_the_last_token_lets_in_pays_for_each_of_its_deals(cache: Path) -> None:
    spare = {**environment(cache), "CLOSECAST_RATE_LIMITS": "viewer=2/10,scorer=2/10,admin=2/10"}
    batch = {"deals": [{"engage_date": "2017-11-20"}] * 101}
    with (
        live(Settings.from_environment(spare)) as address,
        httpx.Client(base_url=address, headers={"X-API-Key": KEY}, trust_env=False, timeout=60) as client,
    ):
        answers = [client.post("/v1/predictions/batch", json=batch) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert "r=0;" in answers[0].headers["ratelimit"]
    # 101 deals cost 101 tokens, at one in five seconds
    assert 450 < int(answers[1].headers["retry-after"]) <= 500


# --- failures of our own


def test_whatever_fails_is_answered_in_whole_and_told(
    cache: Path, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    async def fails(*_: object) -> None:
        raise RecursionError("as deep as it goes")

    # given an application of which a part beyond the framework fails, and a protocol that does
    monkeypatch.setattr("services.api.middleware.drain_body.DrainBody.__call__", fails)
    with live(settings(cache)) as address, httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
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
        "title": "Internal server error",
        "status": 500,
        "instance": "/v1/model",
        "request_id": "mine",
        "detail": "the service failed on this request; its log has the reason under the request id",
    }
    assert answer.headers["x-request-id"] == "mine"
    assert answer.headers["x-content-type-options"] == "nosniff"
    failures = [line["error"] for line in logged() if line["event"] == "failure"]
    assert failures == ["RecursionError: as deep as it goes", "ZeroDivisionError: integer division or modulo by zero"]
    assert [line["status"] for line in logged() if line["event"] == "request" and line["status"] == 500] == [500, 500]
