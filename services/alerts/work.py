"""What the service does in rounds: plan messages, deliver them, and watch what nobody else does."""

import logging
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta

import psycopg

from closecast.platform.alerts.alert import SEVERITIES, Alert
from closecast.platform.alerts.alertmanager import Received
from closecast.platform.alerts.delivering import deliver_next, drop_for_other_sinks, waiting
from closecast.platform.alerts.outbox import Connection, fire, resolve
from closecast.platform.alerts.planning import Route, forget_old, plan
from closecast.platform.alerts.rules import Rule, Rules, duration
from closecast.platform.alerts.sinks.sink import Sink
from closecast.platform.database import connect_migrated
from closecast.platform.runtime.background import BackgroundWorker
from services.alerts.certificate import Certificate, CertificateError
from services.alerts.status import AlertsStatus

_LOG = logging.getLogger(__name__)

_PLAN_SECONDS, _DELIVER_SECONDS, _WATCH_SECONDS, _RETRY_SECONDS = 2.0, 1.0, 15.0, 5.0
_FORGET_EVERY = timedelta(hours=6)
MONITOR_SILENT, METRICS_SILENT = "monitor_silent", "metrics_silent"


class Planner:
    """Puts messages that are due into the outbox, deletes old rows, and counts."""

    def __init__(self, url: str, rules: Rules, routes: list[Route], status: AlertsStatus) -> None:
        self._url, self._rules, self._routes, self._status = url, rules, routes, status
        self._forgotten_at: datetime | None = None
        self._has_dropped = False

    def worker(self) -> BackgroundWorker:
        """The thread, not started."""
        return BackgroundWorker("plan", self.round, self._fail, retry_seconds=_RETRY_SECONDS, describe=described)

    def round(self) -> float:
        """One round; returns the seconds until the next. Raises psycopg.Error."""
        now = datetime.now(UTC)
        with closing(connect_migrated(self._url)) as connection:
            for message in plan(connection, self._rules.rules, self._routes, now):
                _LOG.info("alert", extra={"rule": message.rule, "kind": message.kind, "severity": message.severity})
            if not self._has_dropped:
                names = [one.sink for one in self._routes]
                if dropped := drop_for_other_sinks(connection, names):
                    _LOG.warning("%d messages for sinks that are no longer configured are dropped", dropped)
                self._has_dropped = True
            if self._forgotten_at is None or now - self._forgotten_at > _FORGET_EVERY:
                forget_old(connection, now)
                self._forgotten_at = now
            self._count(connection, now)
        self._status.set("database", None)
        return _PLAN_SECONDS

    def _count(self, connection: Connection, now: datetime) -> None:
        found = dict(
            connection.execute("SELECT severity, count(*) FROM alerts WHERE closed_at IS NULL GROUP BY 1").fetchall()
        )
        for severity in SEVERITIES:
            self._status.open.labels(severity).set(found.get(severity, 0))
        kept = waiting(connection)
        for route in self._routes:
            one = kept.get(route.sink)
            self._status.waiting.labels(route.sink).set(one.count if one else 0)
            age = (now - one.oldest).total_seconds() if one and one.oldest else 0.0
            self._status.oldest.labels(route.sink).set(age)

    def _fail(self, problem: str) -> None:
        self._status.set("database", problem)


class Deliverer:
    """Delivers the messages of one sink, so that one that hangs delays no other."""

    def __init__(self, url: str, sink: Sink, status: AlertsStatus) -> None:
        self._url, self._sink, self._status = url, sink, status

    def worker(self) -> BackgroundWorker:
        """The thread, not started."""
        return BackgroundWorker(
            f"sink {self._sink.name}",
            self.round,
            lambda problem: _LOG.warning("sink %s: %s", self._sink.name, problem),
            retry_seconds=_RETRY_SECONDS,
            describe=described,
            stop_seconds=8.0,
        )

    def round(self) -> float:
        """Deliver what is due; returns the seconds until the next round. Raises psycopg.Error."""
        with closing(connect_migrated(self._url)) as connection:
            while attempt := deliver_next(connection, self._sink, datetime.now(UTC)):
                self._status.delivered.labels(self._sink.name, "failed" if attempt.problem else "delivered").inc()
                self._status.note(f"sink {self._sink.name}", attempt.problem)
        return _DELIVER_SECONDS


class Watch:
    """Dead man's switches: that the flow monitor runs, and that Prometheus and Alertmanager send. Reads the certificate."""

    def __init__(
        self,
        url: str,
        rules: Rules,
        status: AlertsStatus,
        *,
        certificate: Callable[[], Certificate | None],
        expects_metrics: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url, self._rules, self._status = url, rules.of("service"), status
        self._certificate, self._expects_metrics, self._clock = certificate, expects_metrics, clock
        self._heard = clock()  # from Alertmanager

    def worker(self) -> BackgroundWorker:
        """The thread, not started."""
        return BackgroundWorker(
            "watch",
            self.round,
            lambda problem: _LOG.warning("%s", problem),
            retry_seconds=_RETRY_SECONDS,
            describe=described,
        )

    def round(self) -> float:
        """One round; returns the seconds until the next. Raises psycopg.Error."""
        self._read_certificate()
        with closing(connect_migrated(self._url)) as connection:
            self._watch_monitor(connection, datetime.now(UTC))
            self._watch_metrics(connection)
        return _WATCH_SECONDS

    def take(self, sent: Received) -> bool:
        """Write down what Alertmanager sent; returns False while the database cannot be used."""
        try:
            with closing(connect_migrated(self._url)) as connection, connection.transaction():
                for alert in sent.firing:
                    fire(connection, alert)
                for alert in sent.resolved:
                    resolve(connection, alert.rule, alert.key)
        except psycopg.Error as error:
            _LOG.warning("what Alertmanager sent was not written down: %s", described(error))
            return False
        if sent.watchdog:
            self._heard = self._clock()
        return True

    def _watch_monitor(self, connection: Connection, now: datetime) -> None:
        """Judge the age of the last look, which judges first; before one, that of the first recorded prediction."""
        row = connection.execute(
            "SELECT max(judged_at), (SELECT min(opened_at) FROM archive_batches) FROM judgements"
        ).fetchone()
        assert row is not None
        said, first = row
        if said is not None:
            self._status.monitor.set(said.timestamp())
        since = said or first
        if since is None:
            return
        rule = self._rules[MONITOR_SILENT]
        late = now - since > _limit(rule)
        text = "Its last look was begun" if said else "It has never looked; the first recorded prediction is"
        self._judge(connection, MONITOR_SILENT, rule, late, f"{text} of {since:%Y-%m-%d %H:%M} UTC. {rule.description}")

    def _watch_metrics(self, connection: Connection) -> None:
        if not self._expects_metrics:
            return
        rule = self._rules[METRICS_SILENT]
        silent = timedelta(seconds=self._clock() - self._heard)
        self._judge(connection, METRICS_SILENT, rule, silent > _limit(rule), rule.description)

    def _judge(self, connection: Connection, name: str, rule: Rule, is_wrong: bool, description: str) -> None:
        if is_wrong:
            fire(
                connection,
                Alert(name, "all", rule.severity, rule.summary, description, {"runbook": rule.runbook}),
            )
        else:
            resolve(connection, name, "all")

    def _read_certificate(self) -> None:
        try:
            found = self._certificate()
        except CertificateError as error:
            self._status.note("gateway", str(error))
            return
        self._status.note("gateway", None)
        if found is not None:
            self._status.not_before.labels(found.name).set(found.not_before.timestamp())
            self._status.not_after.labels(found.name).set(found.not_after.timestamp())


def _limit(rule: Rule) -> timedelta:
    return duration(rule.limit or "1d")


def described(error: Exception) -> str:
    """One line about a failure; of the database's errors without values."""
    if isinstance(error, psycopg.Error):
        lines = str(error).strip().splitlines() or [""]
        return f"the database cannot be used: {type(error).__name__}: {lines[0][:200]}"
    return f"{type(error).__name__}: {error}"
