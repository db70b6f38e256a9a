"""Deliver the outbox's messages to a sink, each until it is delivered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from closecast.platform.alerts.message import from_json
from closecast.platform.alerts.outbox import Connection
from closecast.platform.alerts.sinks.sink import Sink, SinkError

FIRST_DELAY, LONGEST_DELAY = timedelta(seconds=10), timedelta(minutes=15)
# A message waits for an earlier one about the same alert, so that no end comes before its beginning.
_NEXT = """
SELECT id, message, attempts FROM alert_deliveries AS one
WHERE sink = %s AND delivered_at IS NULL AND next_try_at <= %s AND NOT EXISTS (
    SELECT FROM alert_deliveries AS earlier
    WHERE earlier.sink = one.sink AND earlier.delivered_at IS NULL AND earlier.id < one.id AND earlier.alerts && one.alerts
)
ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
"""


@dataclass(frozen=True)
class Attempt:
    """One attempt to deliver; `problem` is None when it was delivered."""

    delivery: int
    attempts: int
    problem: str | None


@dataclass(frozen=True)
class Waiting:
    """What waits for a sink: how many messages, and since when the oldest."""

    count: int
    oldest: datetime | None


def delay(attempts: int) -> timedelta:
    """The time from the failure of attempt number `attempts` to the next: doubled each time, within bounds."""
    doublings = min(attempts - 1, 20)
    return min(LONGEST_DELAY, FIRST_DELAY * float(1 << doublings))


def deliver_next(connection: Connection, sink: Sink, now: datetime) -> Attempt | None:
    """Send the next message that is due at `now` to `sink`; None when there is none.

    The message is locked meanwhile, so others skip it. If this process dies after sending and before it is written
    down, it is sent again with the same id. Raises psycopg.Error.
    """
    with connection.transaction():
        row = connection.execute(_NEXT, [sink.name, now]).fetchone()
        if row is None:
            return None
        delivery, message, attempts = row
        attempts += 1
        try:
            # The database reads JSON for us; a message of another version is a problem to look at, not to drop.
            sink.send(from_json(msgspec.json.encode(message)))
        except (SinkError, msgspec.ValidationError) as error:
            problem = f"{error}"[:500]
            connection.execute(
                "UPDATE alert_deliveries SET attempts = %s, problem = %s, next_try_at = %s WHERE id = %s",
                [attempts, problem, now + delay(attempts), delivery],
            )
            return Attempt(delivery, attempts, problem)
        connection.execute(
            "UPDATE alert_deliveries SET attempts = %s, problem = NULL, delivered_at = %s WHERE id = %s",
            [attempts, now, delivery],
        )
        return Attempt(delivery, attempts, None)


def waiting(connection: Connection) -> dict[str, Waiting]:
    """What waits, by sink."""
    found = connection.execute(
        "SELECT sink, count(*), min(made_at) FROM alert_deliveries WHERE delivered_at IS NULL GROUP BY sink"
    )
    return {row[0]: Waiting(row[1], row[2]) for row in found.fetchall()}


def drop_for_other_sinks(connection: Connection, sinks: Sequence[str]) -> int:
    """Drop messages for sinks that are no longer configured; returns their number."""
    return connection.execute(
        "DELETE FROM alert_deliveries WHERE delivered_at IS NULL AND NOT sink = ANY(%s)", [list(sinks)]
    ).rowcount
