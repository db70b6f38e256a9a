"""The append-only log of administrative acts and promotions: written, read, and checked for tampering.

Each row's seal is the SHA-256 of its own fields and the seal of the row before it, so that a changed, removed or
inserted row breaks the chain from there on. A chain cannot show a truncated end, or a whole log forged by the owner of
the database: compare the head with an earlier one, which the API writes to its own log at each act.
"""

import hashlib
import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, LiteralString

import psycopg

Connection = psycopg.Connection[tuple[Any, ...]]
_COLUMNS: LiteralString = "seq, event_id, at, actor, act, subject, details::text, request_id, previous, sha256"
_BEFORE_ALL = b"\0"


@dataclass(frozen=True)
class Entry:
    """One act as it was logged: `at` is UTC, `details` is JSON text as stored."""

    seq: int
    event_id: uuid.UUID
    at: datetime
    actor: str
    act: str
    subject: str
    details: str
    request_id: str | None
    previous: bytes
    sha256: bytes

    def seal(self) -> bytes:
        """Compute the seal that `sha256` must equal; the SQL function audit_seal does the same."""
        at = self.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        fields = (
            str(self.seq),
            str(self.event_id),
            at,
            self.actor,
            self.act,
            self.subject,
            self.details,
            self.request_id,
            self.previous.hex(),
        )
        lengths = ("-" if field is None else f"{len(field.encode())}:{field}" for field in fields)
        return hashlib.sha256(",".join(lengths).encode()).digest()


@dataclass(frozen=True)
class Head:
    """The sequence number and seal of the newest entry: a copy elsewhere proves later that earlier entries are unchanged."""

    seq: int
    sha256: bytes


@dataclass(frozen=True)
class Verdict:
    """The number of entries read, and a description of the first fault found, None when there is none."""

    entries: int
    head: Head
    fault: str | None


def append(
    connection: Connection,
    actor: str,
    act: str,
    subject: str,
    details: dict[str, Any],
    request_id: str | None = None,
    event_id: uuid.UUID | None = None,
) -> Head | None:
    """Log an act within the connection's transaction. Raises psycopg.Error.

    If `event_id` is logged already, nothing changes and None is returned.
    """
    text = json.dumps(details, sort_keys=True, ensure_ascii=False)
    row = connection.execute(
        "INSERT INTO audit_log (event_id, actor, act, subject, details, request_id) VALUES (%s, %s, %s, %s, %s, %s) "
        "ON CONFLICT (event_id) DO NOTHING RETURNING seq, sha256",
        [event_id or uuid.uuid4(), actor, act, subject, text, request_id],
    ).fetchone()
    return None if row is None else Head(row[0], bytes(row[1]))


def page(connection: Connection, limit: int, before: int | None = None) -> list[Entry]:
    """Up to `limit` entries, newest first, older than the sequence number `before`."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM audit_log WHERE %s::bigint IS NULL OR seq < %s ORDER BY seq DESC LIMIT %s",
        [before, before, limit],
    )
    return [_entry(row) for row in rows]


def verify(connection: Connection, known: Head | None = None) -> Verdict:
    """Verify the chain from its beginning; `known` is an earlier head that must still be part of it."""
    last, count, seen = Head(0, _BEFORE_ALL), 0, known is None
    with connection.transaction(), connection.cursor("audit") as cursor:
        cursor.itersize = 2_000
        for row in cursor.execute(f"SELECT {_COLUMNS} FROM audit_log ORDER BY seq"):
            entry = _entry(row)
            if entry.seq != last.seq + 1 or entry.previous != last.sha256:
                return Verdict(count, last, f"entry {last.seq + 1} is missing or out of order")
            if entry.seal() != entry.sha256:
                return Verdict(count, last, f"entry {entry.seq} was changed after it was written")
            last, count = Head(entry.seq, entry.sha256), count + 1
            seen = seen or last == known
    if not seen and known is not None:
        return Verdict(count, last, f"the chain does not hold the known entry {known.seq} with its seal")
    return Verdict(count, last, None)


def _entry(row: tuple[Any, ...]) -> Entry:
    seq, event_id, at, actor, act, subject, details, request_id, previous, seal = row
    at = at.astimezone(UTC)
    return Entry(seq, event_id, at, actor, act, subject, details, request_id, bytes(previous), bytes(seal))
