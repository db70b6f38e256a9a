"""Open and close alerts in the caller's transaction: `fire` and `resolve`. The service `alerts` tells of them."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from closecast.platform.alerts.alert import Alert, Severity

Connection = psycopg.Connection[Any]

_FIRE = """
INSERT INTO alerts AS known (rule, key, severity, summary, description, links, labels)
VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (rule, key) WHERE closed_at IS NULL DO UPDATE
SET severity = excluded.severity, summary = excluded.summary, description = excluded.description,
    links = excluded.links, labels = excluded.labels, refreshed_at = clock_timestamp(), times = known.times + 1
RETURNING times
"""
_COLUMNS = "id, rule, key, severity, summary, description, links, labels, opened_at, refreshed_at, closed_at, told_at"


@dataclass(frozen=True)
class KnownAlert:
    """An alert as it is kept."""

    id: int
    rule: str
    key: str
    severity: Severity
    summary: str
    description: str
    links: dict[str, str]
    labels: dict[str, str]
    opened_at: datetime
    refreshed_at: datetime
    closed_at: datetime | None
    told_at: datetime | None


def fire(connection: Connection, alert: Alert) -> bool:
    """Open the alert, or refresh the open one of its rule and key; returns whether it is new, and so will be told of.

    It takes effect with the caller's transaction. Of several at once exactly one is new. Raises psycopg.Error.
    """
    times = connection.execute(
        _FIRE,
        [
            alert.rule,
            alert.key,
            alert.severity,
            alert.summary,
            alert.description,
            json.dumps(dict(alert.links)),
            json.dumps(dict(alert.labels)),
        ],
    ).fetchone()
    return times == (1,)


def resolve(connection: Connection, rule: str, key: str) -> bool:
    """Close the open alert of this rule and key; returns whether there was one. Its end is told of once.

    It takes effect with the caller's transaction. Raises psycopg.Error.
    """
    closed = connection.execute(
        "UPDATE alerts SET closed_at = clock_timestamp() WHERE rule = %s AND key = %s AND closed_at IS NULL",
        [rule, Alert(rule, key, "note", "").key],
    )
    return closed.rowcount > 0


def open_alerts(connection: Connection, limit: int = 1_000) -> list[KnownAlert]:
    """The open alerts, the newest first. Raises psycopg.Error."""
    return select(connection, "closed_at IS NULL ORDER BY opened_at DESC, id DESC LIMIT %s", [limit])


def select(connection: Connection, condition: str, values: list[Any]) -> list[KnownAlert]:
    """The alerts for which the SQL `condition` holds."""
    found = connection.execute(f"SELECT {_COLUMNS} FROM alerts WHERE {condition}", values).fetchall()
    return [KnownAlert(*row) for row in found]


__all__ = ["Alert", "Connection", "KnownAlert", "fire", "open_alerts", "resolve", "select"]
