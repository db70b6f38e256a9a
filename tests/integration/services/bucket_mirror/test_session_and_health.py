"""Telling one LocalStack from the next, and telling Nomad where the companion stands."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from services.bucket_mirror.health import READY, State, serve
from services.bucket_mirror.session import identity
from tests.servers.processes import free_port


class Endpoint:
    """Answers /_localstack/health with `status` and the header that our door adds."""

    def __init__(self) -> None:
        self.status = 200
        self.session: str | None = "one"
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(endpoint.status if self.path == "/_localstack/health" else 404)
                if endpoint.session:
                    self.send_header("X-Closecast-Session", endpoint.session)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Nothing to tell: the test knows what it asks."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    endpoint = Endpoint()
    yield endpoint
    endpoint.close()


def test_each_life_has_its_own_identity(endpoint: Endpoint) -> None:
    # given
    first = identity(endpoint.url)
    endpoint.session = "two"
    # when
    second = identity(endpoint.url)
    # then
    assert (first, second) == ("one", "two")


@pytest.mark.parametrize(("status", "session"), [(503, "one"), (200, None)])
def test_an_answer_that_tells_no_session_is_none(status: int, session: str | None, endpoint: Endpoint) -> None:
    # given
    endpoint.status, endpoint.session = status, session
    # when / then
    assert identity(endpoint.url) is None


def test_nobody_there_is_none() -> None:
    assert identity(f"http://127.0.0.1:{free_port()}") is None


class Companion:
    """A state and a flush whose outcome the test decides."""

    def __init__(self) -> None:
        self.state = State()
        self.problem: str | None = None
        self.flushed = 0
        self._server = serve("127.0.0.1", 0, self.state, self._flush)
        self._url = f"http://127.0.0.1:{self._server.server_port}"

    def _flush(self) -> str | None:
        self.flushed += 1
        return self.problem

    def ask(self, method: str, path: str) -> tuple[int, dict[str, object]]:
        request = urllib.request.Request(f"{self._url}{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            return refused.code, json.load(refused)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def companion() -> Iterator[Companion]:
    companion = Companion()
    yield companion
    companion.close()


def test_health_is_503_with_the_reason_until_ready(companion: Companion) -> None:
    # given
    before = companion.ask("GET", "/health")
    companion.state.state, companion.state.reason, companion.state.objects = READY, "", 7
    # when
    after = companion.ask("GET", "/health")
    # then
    assert before[0] == 503
    assert (before[1]["state"], before[1]["reason"]) == ("waiting", "LocalStack does not answer yet")
    assert after[0] == 200
    assert (after[1]["state"], after[1]["objects"]) == ("ready", 7)
    assert companion.flushed == 0


def test_flush_answers_with_its_outcome(companion: Companion) -> None:
    # given
    done = companion.ask("POST", "/flush")
    companion.problem = "the disk is full"
    # when
    failed = companion.ask("POST", "/flush")
    # then
    assert done[0] == 200
    assert done[1]["state"] == "waiting"
    assert failed == (503, {"error": "the disk is full"})
    assert companion.flushed == 2


@pytest.mark.parametrize(("method", "path"), [("GET", "/flush"), ("POST", "/health"), ("GET", "/")])
def test_another_request_is_told_what_there_is(method: str, path: str, companion: Companion) -> None:
    assert companion.ask(method, path) == (404, {"error": "only GET /health and POST /flush are here"})
    assert companion.flushed == 0
