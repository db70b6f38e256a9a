"""The gateway while what stands behind it fails, moves and comes back."""

import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
import pytest
from websockets.exceptions import InvalidHandshake
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from closecast.models.deal_model import DealModel
from tests.integration.services.gateway.conftest import LIMITS, SIGNED_IN, Gateway, Handler, Upstream, breaks, upstream
from tests.servers.processes import free_port, running
from tests.unit.services.api.conftest import AWAY, KEY, keep, settings
from tests.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture
def pair() -> Iterator[tuple[Upstream, Upstream]]:
    with upstream("first") as first, upstream("second") as second:
        yield first, second


def test_work_is_shared_and_an_instance_that_is_gone_costs_no_request(
    gateway: Gateway, pair: tuple[Upstream, Upstream]
) -> None:
    first, second = pair
    gateway.route([first.address, second.address])
    with gateway.served(), gateway.client() as client:
        # given both at work
        assert {client.get("/v1/model").json()["server"] for _ in range(40)} == {"first", "second"}
        # when one ends
        first.end()
        # then whatever is asked is answered by the other, also what must not be done twice
        answers = [client.request(method, "/v1/predictions") for method in ["GET", "POST"] * 20]
    assert [answer.status_code for answer in answers] == [200] * 40
    assert {answer.json()["server"] for answer in answers} == {"second"}


@pytest.mark.parametrize(("method", "status", "tries"), [("GET", 200, 2), ("POST", 502, 1)])
def test_what_may_have_been_done_is_not_asked_twice(gateway: Gateway, method: str, status: int, tries: int) -> None:
    # given an instance that dies once, in the middle of a request
    died: list[bool] = []
    with upstream("api", lambda handler: not died and not died.append(True) and breaks(handler)) as api:  # type: ignore[func-returns-value]
        gateway.route([api.address])
        with gateway.served(), gateway.client() as client:
            answer = client.request(method, "/v1/predictions")
    assert answer.status_code == status
    assert len(api.got) == tries


def test_without_an_instance_it_says_so_and_when_to_come_again(gateway: Gateway) -> None:
    with gateway.served(), gateway.client() as client:
        answer = client.get("/v1/model")
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "2"
    assert "no instance of the service is ready" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/", "/pipeline?until=30", "/sign-in"])
def test_a_person_reads_words_and_gets_the_page_later(gateway: Gateway, path: str) -> None:
    with gateway.served(), gateway.client() as client:
        answer = client.get(path, headers={"Accept": "text/html,*/*;q=0.8"})
        script = client.get(path, headers={"Accept": "*/*"})
        program = client.get("/v1/model", headers={"Accept": "text/html"})
    assert (answer.status_code, script.status_code, program.status_code) == (503, 503, 503)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "This page tries again every five seconds." in answer.text
    assert "{" not in answer.text
    assert answer.headers["refresh"] == "5"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert {one.headers["retry-after"] for one in (answer, script, program)} == {"2"}
    for one in (script, program):
        assert one.headers["content-type"] == "application/problem+json"
        assert one.json()["status"] == 503
        assert "refresh" not in one.headers


def test_an_instance_that_comes_back_within_seconds_is_waited_for(gateway: Gateway) -> None:
    # given an address where nobody listens
    port = free_port()
    gateway.route([f"127.0.0.1:{port}"])
    with gateway.served(), gateway.client() as client:
        time.sleep(1.5)  # noqa: TID251 - time to find that nobody is there
        # when a request is sent, and the instance starts two seconds later
        server = Upstream(("127.0.0.1", port), Handler, bind_and_activate=False)
        server.name, server.got, server.connections = "late", [], []
        server.allow_reuse_address = True

        def start() -> None:
            server.server_bind()
            server.server_activate()
            server.serve_forever()

        timer = threading.Timer(2, start)
        timer.daemon = True
        timer.start()
        answer = client.post("/v1/predictions", content=b"x" * 100_000)
        server.end()
    # then the request is answered, body and all
    assert answer.json()["server"] == "late"
    assert answer.json()["bytes"] == 100_000


def test_a_move_ends_no_request_and_no_session(gateway: Gateway, pair: tuple[Upstream, Upstream]) -> None:
    # given an answer that takes two seconds, and an open session
    asked: list[str] = []

    def slow(handler: Handler) -> bool:
        asked.append(handler.path)
        if handler.path == "/v1/slow":
            time.sleep(2)  # noqa: TID251 - an answer that takes its time
        return False

    first, second = pair
    first.behaviour = slow
    with _ui(gateway.folder) as ui:
        gateway.route([first.address], [ui])
        with gateway.served(), gateway.client() as client, _session(gateway) as session:
            answers: list[httpx.Response] = []
            asking = threading.Thread(target=lambda: answers.append(client.get("/v1/slow")))
            asking.start()
            until(lambda: "/v1/slow" in asked)
            # when the API moves
            gateway.route([second.address], [ui])
            # then new requests go to the new place, the old one is answered, and the session lives
            until(lambda: _server(gateway) == "second", told=gateway.log)
            asking.join(20)
            assert answers[0].json()["server"] == "first"
            session.ping().wait(5)
            time.sleep(1)  # noqa: TID251 - longer than the first instance's last answers took
            session.ping().wait(5)


def test_the_user_interface_comes_through_and_a_session_outlives_every_limit(gateway: Gateway) -> None:
    # A busy machine may take a second from the connection to the request's head.
    gateway.environment.update(LIMITS | {"CLOSECAST_GATEWAY_READ_HEADER": "4s"})
    with _ui(gateway.folder) as ui, upstream("api") as api:
        gateway.route([api.address], [ui])
        with gateway.served() as pid:
            with gateway.client() as client:
                page = client.get("/", headers=SIGNED_IN)
                assert "<title>Streamlit</title>" in page.text
                assert client.get("/_stcore/health", headers=SIGNED_IN).text == "ok"
            with _session(gateway) as session:
                # the limits of this test's gateway are 3 s and 4 s
                time.sleep(6)  # noqa: TID251 - longer than each of them
                assert session.ping().wait(5)
                # when it is stopped while the session is open
                begin = time.monotonic()
                os.kill(pid, signal.SIGTERM)
                psutil.Process(pid).wait(timeout=20)
    # then it ends within the time that Nomad gives it
    assert time.monotonic() - begin < 20


def test_nobody_who_waits_to_be_accepted_is_turned_away_by_a_reload(gateway: Gateway) -> None:
    with upstream("one") as server, gateway.served():
        gateway.route([server.address])
        refused: list[str] = []
        asked = [0]
        ended = threading.Event()

        def call() -> None:
            while not ended.is_set():
                try:
                    plain = socket.create_connection(("127.0.0.1", gateway.port), timeout=30)
                    with trusted.wrap_socket(plain, server_hostname="localhost"):
                        asked[0] += 1
                except OSError as error:
                    refused.append(repr(error))

        trusted = gateway.tls()
        callers = [threading.Thread(target=call) for _ in range(8)]
        for caller in callers:
            caller.start()
        for _ in range(4):
            gateway.reload()
        ended.set()
        for caller in callers:
            caller.join()
    assert asked[0] > 100
    assert not refused, refused[:3]


def test_only_an_upstream_that_is_new_or_stays_away_has_caddy_reload(
    gateway: Gateway, pair: tuple[Upstream, Upstream]
) -> None:
    first, second = pair
    both = [first.address, second.address]
    gateway.route(both)
    with gateway.served():
        # when one is away for an instant, as when it is restarted in place
        for _ in range(2):
            gateway.route(both[:1])
            time.sleep(1.2)  # noqa: TID251 - long enough to be seen
            gateway.route(both)
            time.sleep(1.2)  # noqa: TID251 - the same
        # then
        assert _reloads(gateway) == 0
        # when it stays away
        gateway.route(both[:1])
        # then
        until(lambda: _reloads(gateway) == 1, told=gateway.log)
        # when it comes back
        gateway.route(both)
        # then at once
        until(lambda: _reloads(gateway) == 2, told=gateway.log)


def _reloads(gateway: Gateway) -> int:
    return gateway.log().count('"uri":"/load"')


def test_what_caddy_did_not_take_is_told_again(gateway: Gateway, pair: tuple[Upstream, Upstream]) -> None:
    first, second = pair
    gateway.route([first.address])
    with gateway.served():
        # given upstreams that cannot be, for a while
        gateway.route(["nowhere {"])
        until(lambda: "Caddy did not load the new upstreams; trying again" in gateway.log(), told=gateway.log)
        assert _server(gateway) == "first"
        # when they can be again
        gateway.route([second.address])
        # then
        until(lambda: _server(gateway) == "second", told=gateway.log)


def _server(gateway: Gateway) -> str:
    """Which server answers a new connection; "" for one that the reload broke off before its request was read.

    Go's HTTP/1 server ends such connections when it shuts down, and Caddy's reload is one (docs/operations.md).
    """
    with gateway.client() as client:
        try:
            return str(client.get("/v1/model").json()["server"])
        except httpx.RemoteProtocolError:
            return ""


def test_the_real_api_predicts_through_it(gateway: Gateway, served_model: DealModel, tmp_path: Path) -> None:
    # given an instance with a model of its own
    (tmp_path / "models").mkdir()
    keep(served_model, tmp_path / "models")
    (tmp_path / "api").mkdir()
    port = free_port()
    hashes = ",".join(one.hex() for one in settings(tmp_path / "models").key_hashes)
    environment = {
        "CLOSECAST_HOST": "127.0.0.1",
        "CLOSECAST_PORT": str(port),
        "MLFLOW_TRACKING_URI": AWAY,
        "CLOSECAST_MODEL_CACHE": str(tmp_path / "models"),
        "CLOSECAST_API_KEY_SHA256": hashes,
    }
    command = [sys.executable, "-m", "services.api"]
    with running(command, environment, f"http://127.0.0.1:{port}/health/ready", tmp_path / "api"):
        gateway.route([f"127.0.0.1:{port}"])
        with gateway.served(), gateway.client() as client:
            body = json.dumps({"deal": {"engage_date": "2017-12-01"}}).encode()
            headers = {"X-API-Key": KEY, "Content-Type": "application/json"}
            answer = client.post("/v1/predictions", content=body, headers=headers)
            refused = client.post("/v1/predictions", content=body)
            described = client.get("/schema/openapi.json")
    assert 0 < answer.json()["probability"] < 1
    assert (refused.status_code, refused.json()["title"]) == (401, "Unauthorized")
    assert described.json()["info"]["title"] == "Closecast"
    assert "server" not in answer.headers


@contextmanager
def _ui(folder: Path) -> Iterator[str]:
    """The real user interface; its address while it runs."""
    port, log = free_port(), folder / "ui-log"
    log.mkdir()
    environment = {
        "CLOSECAST_HOST": "127.0.0.1",
        "CLOSECAST_PORT": str(port),
        "CLOSECAST_API_URL": "http://127.0.0.1:1",
    }
    ready = f"http://127.0.0.1:{port}/_stcore/health"
    with running([sys.executable, "-m", "services.ui"], environment, ready, log):
        yield f"127.0.0.1:{port}"


def _session(gateway: Gateway) -> ClientConnection:
    """What a browser's page opens beside itself, and like it again where the machine stood still past the gateway's limits."""
    for _ in range(2):
        with suppress(InvalidHandshake):
            return _connect(gateway)
    return _connect(gateway)


def _connect(gateway: Gateway) -> ClientConnection:
    url = f"wss://localhost:{gateway.port}/_stcore/stream"
    return connect(
        url,
        ssl=gateway.tls(),
        origin=Origin(gateway.url),
        proxy=None,
        subprotocols=[Subprotocol("streamlit")],
        additional_headers=SIGNED_IN,
    )
