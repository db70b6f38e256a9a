"""Silences: alerts that are not told of until a time, with who wants that and why."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from closecast.platform.alerts.alert import one_line
from closecast.platform.alerts.outbox import Connection, KnownAlert

_COLUMNS = "id, rule, labels, until, who, why"


@dataclass(frozen=True)
class Silence:
    """Silences the alerts of `rule` (None: of every rule) that have all of `labels`. The label `key` is the alert's key."""

    id: int
    rule: str | None
    labels: dict[str, str]
    until: datetime
    who: str
    why: str

    def covers(self, alert: KnownAlert) -> bool:
        has = alert.labels | {"key": alert.key}
        return self.rule in (None, alert.rule) and all(has.get(name) == value for name, value in self.labels.items())


def silence(
    connection: Connection, *, rule: str | None, labels: Mapping[str, str], until: datetime, who: str, why: str
) -> int:
    """Add a silence and return its number. Raises ValueError without a rule or label, who, or why."""
    if rule is None and not labels:
        raise ValueError("a silence names a rule or a label: one of everything would hide what is new too")
    who, why = one_line(who), one_line(why)
    if not who or not why:
        raise ValueError("a silence says who wants it and why")
    row = connection.execute(
        "INSERT INTO alert_silences (rule, labels, until, who, why) VALUES (%s, %s, %s, %s, %s) RETURNING id",
        [rule, json.dumps(dict(labels)), until, who, why],
    ).fetchone()
    assert row is not None
    return int(row[0])


def end_silence(connection: Connection, number: int) -> bool:
    """End a silence now; returns whether it was in force."""
    ended = connection.execute(
        "UPDATE alert_silences SET until = now() WHERE id = %s AND until > now()", [number]
    ).rowcount
    return ended > 0


def silences(connection: Connection, now: datetime) -> list[Silence]:
    """The silences in force at `now`, the first to end first."""
    found = connection.execute(f"SELECT {_COLUMNS} FROM alert_silences WHERE until > %s ORDER BY until, id", [now])
    return [Silence(*row) for row in found.fetchall()]
