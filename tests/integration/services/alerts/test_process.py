"""The service's process: it takes Alertmanager's alerts with its token, and delivers what is in the outbox."""

import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from closecast.platform.alerts.alert import Alert
from closecast.platform.alerts.message import from_json
from closecast.platform.alerts.outbox import Connection, fire, open_alerts
from closecast.platform.database import connect
from tests.integration.platform.alerts.receivers import Received, http_receiver
from tests.servers.processes import PROJECT, free_port, running
from tests.waiting import until

pytestmark = pytest.mark.integration
TOKEN = "the token of Alertmanager"


@dataclass(frozen=True)
class Service:
    url: str
    pid: int
    log: Path

    def post(self, body: object, token: str = TOKEN) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.post(f"{self.url}/v1/alertmanager", content=content, headers=headers, trust_env=False)


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    with connect(database_url) as connection:
        connection.execute(
            "TRUNCATE alerts, alert_deliveries, alert_silences, judgements, archive_batches, predictions"
        )
        yield connection


@pytest.fixture
def received() -> Iterator[Received]:
    with http_receiver() as found:
        yield found


@pytest.fixture
def service(connection: Connection, alerts_url: str, received: Received, tmp_path: Path) -> Iterator[Service]:
    assert open_alerts(connection) == []
    port = free_port()
    (tmp_path / "gateway").write_text("\n")
    sinks = [{"kind": "webhook", "name": "hook", "url": received.url, "secret": "a secret of the receiver"}]
    environment = {
        "CLOSECAST_HOST": "127.0.0.1",
        "CLOSECAST_PORT": str(port),
        "CLOSECAST_ALERT_RULES": str(PROJECT / "policies" / "alerts"),
        "CLOSECAST_ALERT_SINKS": json.dumps(sinks),
        "CLOSECAST_ALERTMANAGER_TOKEN": TOKEN,
        "CLOSECAST_DATABASE_URL": alerts_url,
        "CLOSECAST_GATEWAY_ADDRESS": str(tmp_path / "gateway"),
    }
    url = f"http://127.0.0.1:{port}"
    with running([sys.executable, "-m", "services.alerts"], environment, f"{url}/health", tmp_path) as pid:
        yield Service(url, pid, tmp_path / "server.log")


def sent(status: str, name: str = "service_down", **labels: str) -> dict[str, object]:
    alert = {
        "status": status,
        "labels": {"alertname": name, "severity": "page", **labels},
        "annotations": {"summary": "api does not answer", "description": "", "runbook": f"docs/runbooks.md#{name}"},
        "generatorURL": "http://prometheus.example/graph",
        "startsAt": "2026-11-28T12:00:00Z",
        "fingerprint": "1",
    }
    return {"version": "4", "status": status, "receiver": "alerts", "alerts": [alert]}


def kinds(received: Received) -> list[str]:
    return [from_json(body).kind for _, _, body in received.requests]


def test_alerts_of_alertmanager_are_told_of_once_and_so_is_their_end(service: Service, received: Received) -> None:
    for _ in range(3):
        assert service.post(sent("firing", job="api")).status_code == 200
    until(lambda: kinds(received) == ["firing"])
    assert service.post(sent("resolved", job="api")).status_code == 200
    until(lambda: kinds(received) == ["firing", "resolved"])
    assert service.post(sent("resolved", job="api")).status_code == 200
    message = from_json(received.requests[0][2])
    assert (message.rule, message.severity, message.alerts[0].key) == ("service_down", "page", "job=api")
    assert message.runbook == "docs/runbooks.md#service_down"


def test_what_is_fired_elsewhere_is_delivered(service: Service, connection: Connection, received: Received) -> None:
    fire(connection, Alert("unheard_of", "key", "note", "Something"))
    until(lambda: kinds(received) == ["firing"])
    metrics = httpx.get(f"{service.url}/metrics", trust_env=False).text
    assert 'closecast_alert_deliveries_total{result="delivered",sink="hook"} 1.0' in metrics


def test_a_kill_loses_nothing(service: Service, connection: Connection, received: Received) -> None:
    received.status = 503
    fire(connection, Alert("unheard_of", "key", "note", "Something"))
    until(lambda: kinds(received) != [])
    os.kill(service.pid, signal.SIGKILL)
    waiting = connection.execute("SELECT count(*) FROM alert_deliveries WHERE delivered_at IS NULL").fetchone()
    assert waiting == (1,)


@pytest.mark.parametrize("token", ["x", f"{TOKEN}x", TOKEN.upper()])
def test_who_has_another_token_gets_nothing_in(service: Service, connection: Connection, token: str) -> None:
    assert service.post(sent("firing"), token).status_code == 401
    assert httpx.post(f"{service.url}/v1/alertmanager", json=sent("firing"), trust_env=False).status_code == 401
    assert open_alerts(connection) == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff", 400),
        ({"version": "3", "alerts": []}, 400),
        ({"version": "4", "alerts": [{"status": "firing", "labels": {"alertname": "Not a rule"}}]}, 400),
        ({"version": "4", "alerts": [{"status": "firing", "labels": {}}]}, 400),
        (b"[" * 100_000, 400),
        (b" " * (2**20 + 1), 413),
        ({"version": "4", "alerts": []}, 200),
    ],
    ids=["empty", "half", "bytes", "version", "name", "nameless", "deep", "large", "nothing"],
)
def test_what_is_none_of_alertmanagers_is_refused(
    service: Service, connection: Connection, body: object, status: int
) -> None:
    assert service.post(body).status_code == status
    assert open_alerts(connection) == []


def test_pages_tell_no_secret_and_other_paths_are_closed(service: Service, received: Received) -> None:
    until(lambda: httpx.get(f"{service.url}/health", trust_env=False).status_code == 200)
    health = httpx.get(f"{service.url}/health", trust_env=False)
    assert health.json() == {"status": "ready", "failing": [], "noted": []}
    assert received.url not in httpx.get(f"{service.url}/metrics", trust_env=False).text
    for path in ("/", "/v1/alerts", "/v1/alertmanager", "/../etc/passwd"):
        assert httpx.get(f"{service.url}{path}", trust_env=False).status_code == 404
    assert httpx.post(f"{service.url}/", trust_env=False).status_code == 404
    assert received.url not in service.log.read_text()


def test_it_listens_on_this_machine_only(service: Service) -> None:
    port = httpx.URL(service.url).port
    assert port is not None
    for family, _, _, _, address in socket.getaddrinfo(socket.gethostname(), port, type=socket.SOCK_STREAM):
        if not str(address[0]).startswith(("127.", "::1")):
            with socket.socket(family) as probe, pytest.raises(ConnectionRefusedError):
                probe.connect(address)
