"""Dead man's switches, in a real PostgreSQL: a monitor that did not run, and metrics that do not arrive."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from closecast.platform.alerts.alertmanager import Received
from closecast.platform.alerts.outbox import Connection, open_alerts
from closecast.platform.alerts.rules import load
from closecast.platform.database import connect
from services.alerts.certificate import Certificate, CertificateError, shown_by
from services.alerts.status import AlertsStatus
from services.alerts.work import Watch
from tests.integration.platform.alerts.receivers import certificate
from tests.servers.processes import PROJECT, free_port

pytestmark = pytest.mark.integration
RULES = load(PROJECT / "policies" / "alerts")
WATCHDOG = Received((), (), watchdog=True)


class Clock:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    with connect(database_url) as connection:
        connection.execute("TRUNCATE alerts, alert_deliveries, judgements, archive_batches, predictions")
        yield connection


def watch(url: str, *, expects: bool = False, clock: Clock | None = None, status: AlertsStatus | None = None) -> Watch:
    return Watch(
        url,
        RULES,
        status or AlertsStatus(),
        certificate=lambda: None,
        expects_metrics=expects,
        clock=clock or Clock(),
    )


def rules(connection: Connection) -> list[str]:
    return [one.rule for one in open_alerts(connection)]


def looked(connection: Connection, hours: float) -> None:
    at = datetime.now(UTC) - timedelta(hours=hours)
    connection.execute("INSERT INTO judgements (judged_at, batch, counts) VALUES (%s, 0, '{}')", [at])


def test_a_platform_that_has_predicted_nothing_needs_no_monitor(connection: Connection, alerts_url: str) -> None:
    watch(alerts_url).round()
    assert rules(connection) == []


def test_a_monitor_that_never_ran_is_told_a_day_after_the_first_prediction(
    connection: Connection, alerts_url: str
) -> None:
    connection.execute("INSERT INTO archive_batches (opened_at) VALUES (now() - interval '25 hours')")
    watch(alerts_url).round()
    assert rules(connection) == []
    connection.execute("UPDATE archive_batches SET opened_at = now() - interval '27 hours'")
    watch(alerts_url).round()
    assert rules(connection) == ["monitor_silent"]


def test_a_monitor_that_stopped_is_told_until_it_runs_again(connection: Connection, alerts_url: str) -> None:
    # given
    status = AlertsStatus()
    watching = watch(alerts_url, status=status)
    looked(connection, hours=80)
    looked(connection, hours=27)
    # when / then
    watching.round()
    watching.round()
    [alert] = open_alerts(connection)
    assert (alert.rule, alert.severity) == ("monitor_silent", "page")
    looked(connection, hours=1)
    watching.round()
    assert rules(connection) == []
    value = status.registry.get_sample_value("closecast_monitor_last_success_timestamp_seconds")
    assert value == pytest.approx((datetime.now(UTC) - timedelta(hours=1)).timestamp(), abs=60)


def test_metrics_that_stop_are_told_until_they_come_again(connection: Connection, alerts_url: str) -> None:
    # given
    clock = Clock()
    watching = watch(alerts_url, expects=True, clock=clock)
    # when / then
    clock.now = 800
    watching.round()
    assert rules(connection) == []
    clock.now = 1_000
    watching.round()
    assert rules(connection) == ["metrics_silent"]
    assert watching.take(WATCHDOG)
    watching.round()
    assert rules(connection) == []


def test_a_machine_without_prometheus_waits_for_no_metrics(connection: Connection, alerts_url: str) -> None:
    clock = Clock()
    watching = watch(alerts_url, clock=clock)
    clock.now = 1e6
    watching.round()
    assert rules(connection) == []


def test_while_the_database_is_away_alertmanager_is_told_to_send_again() -> None:
    assert not watch(f"postgresql://alerts:x@127.0.0.1:{free_port()}/closecast").take(WATCHDOG)


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[Callable[[], Certificate | None]]:
    """A reader of what a TLS server of this test shows."""
    _, context = certificate(tmp_path)
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    Thread(target=server.serve_forever, daemon=True).start()
    address = tmp_path / "gateway"
    address.write_text(f"\n127.0.0.1:{server.server_port}\n")
    yield partial(shown_by, address)
    server.shutdown()
    server.server_close()


def test_the_certificate_that_is_shown_is_read(tls: Callable[[], Certificate | None]) -> None:
    found = tls()
    assert found is not None
    assert found.name == "127.0.0.1"
    assert found.not_after - found.not_before == timedelta(days=2)


def test_a_machine_without_a_gateway_has_no_certificate_and_a_silent_one_is_told(tmp_path: Path) -> None:
    file = tmp_path / "gateway"
    file.write_text("\n")
    assert shown_by(file) is None
    file.write_text(f"127.0.0.1:{free_port()}")
    with pytest.raises(CertificateError, match="ConnectionRefusedError"):
        shown_by(file)
