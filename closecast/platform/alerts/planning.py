"""Decide which alerts are told of now, and put the messages into the outbox: one for each sink."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from closecast.platform.alerts.alert import Severity
from closecast.platform.alerts.message import MOST_ALERTS, Item, Kind, Message
from closecast.platform.alerts.outbox import Connection, KnownAlert, select
from closecast.platform.alerts.rules import Rule
from closecast.platform.alerts.silences import silences

KEPT = timedelta(days=90)
_LOCK = 0x616C7274  # any number that nothing else of this database locks
# An alert of a rule that is in no file is told of all the same.
_UNKNOWN = Rule(
    source="flow", severity="note", summary="-", description="-", runbook="docs/alerts.md#alerts", group="0s"
)


@dataclass(frozen=True)
class Route:
    """A sink by name, and the severities that it is sent."""

    sink: str
    severities: frozenset[Severity]


@dataclass(frozen=True)
class _Due:
    alert: KnownAlert
    kind: Kind
    at: datetime


def plan(connection: Connection, rules: Mapping[str, Rule], routes: Sequence[Route], now: datetime) -> list[Message]:
    """Put the messages that are due at `now` into the outbox, and return them. One process at a time; others return [].

    An alert is told of once it has been open for the rule's `for`, together with others of its rule that follow within
    `group`, again after each `repeat` while it is open, and once when it has ended if it was told of. Silences hold
    back all but the end. Raises psycopg.Error.
    """
    with connection.transaction():
        if connection.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK]).fetchone() != (True,):
            return []
        groups: dict[tuple[str, Kind], list[_Due]] = {}
        for one in _due(connection, rules, now):
            groups.setdefault((one.alert.rule, one.kind), []).append(one)
        messages = []
        for (name, kind), members in groups.items():
            rule = rules.get(name, _UNKNOWN)
            wait = timedelta(0) if kind == "reminder" else rule.gathers
            if min(one.at for one in members) + wait > now:
                continue
            alerts = [one.alert for one in members]
            message = _message(kind, name, rules, alerts)
            _put(connection, message, alerts, routes, now)
            messages.append(message)
        return messages


def _due(connection: Connection, rules: Mapping[str, Rule], now: datetime) -> Iterable[_Due]:
    active = silences(connection, now)
    for alert in select(connection, "closed_at IS NULL ORDER BY id", []):
        if any(one.covers(alert) for one in active):
            continue
        rule = rules.get(alert.rule, _UNKNOWN)
        if alert.told_at is None:
            kind: Kind = "firing"
            at = alert.opened_at + rule.lasts
        else:
            kind, at = "reminder", alert.told_at + rule.repeats
        if at <= now and (kind == "firing" or rule.repeats):
            yield _Due(alert, kind, at)
    ended = "closed_at IS NOT NULL AND told_at IS NOT NULL AND end_told_at IS NULL ORDER BY id"
    for alert in select(connection, ended, []):
        assert alert.closed_at is not None
        yield _Due(alert, "resolved", alert.closed_at)


def _message(kind: Kind, name: str, rules: Mapping[str, Rule], alerts: Sequence[KnownAlert]) -> Message:
    if name in rules:
        severity = rules[name].severity
    else:
        severity = "page" if any(one.severity == "page" for one in alerts) else "note"
    runbooks = [one.links["runbook"] for one in alerts if "runbook" in one.links]
    return Message(
        id=uuid.uuid4(),
        kind=kind,
        rule=name,
        severity=severity,
        runbook=runbooks[0] if runbooks else rules.get(name, _UNKNOWN).runbook,
        alerts=[
            Item(one.key, one.summary, one.description, one.links, one.labels, one.opened_at, one.closed_at)
            for one in alerts[:MOST_ALERTS]
        ],
        more=max(0, len(alerts) - MOST_ALERTS),
    )


def _put(
    connection: Connection, message: Message, alerts: Sequence[KnownAlert], routes: Sequence[Route], now: datetime
) -> None:
    identifiers = [one.id for one in alerts]
    for route in routes:
        if message.severity in route.severities:
            connection.execute(
                "INSERT INTO alert_deliveries (message_id, sink, alerts, message, made_at, next_try_at) "
                "VALUES (%s, %s, %s, %s, %s, %s)",
                [message.id, route.sink, identifiers, message.as_json().decode(), now, now],
            )
    column = "end_told_at" if message.kind == "resolved" else "told_at"
    connection.execute(f"UPDATE alerts SET {column} = %s WHERE id = ANY(%s)", [now, identifiers])


def forget_old(connection: Connection, now: datetime) -> int:
    """Delete what ended or was delivered longer than KEPT ago; returns the number of rows."""
    before = now - KEPT
    return sum(
        connection.execute(statement, [before]).rowcount
        for statement in (
            "DELETE FROM alert_deliveries WHERE delivered_at < %s",
            "DELETE FROM alerts WHERE closed_at < %s AND (told_at IS NULL OR end_told_at IS NOT NULL)",
            "DELETE FROM alert_silences WHERE until < %s",
        )
    )
