"""Predictions in PostgreSQL: inserted in batches, each once, and found by id."""

import uuid
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any

import msgspec
import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.types.json import Json

from closecast.platform.journal.entry import Entry

Connection = psycopg.Connection[Any]
_COLUMNS = {
    "id": "uuid",
    "row": "int4",
    "batch": "int8",
    "request_id": "text",
    "time": "timestamptz",
    "caller": "text",
    "kind": "text",
    "opportunity_id": "text",
    "deal": "json",
    "unseen": "text[]",
    "as_of": "date",
    "horizon_days": "int4",
    "probability": "float8",
    "probabilities": "json",
    "model_version": "text",
    "days": "int4[]",
    "features": "bytea",
    "model_run_id": "text",
}
_NAMES = ", ".join(f'"{name}"' for name in _COLUMNS)
_ENCODE = msgspec.json.encode


class Recorded(msgspec.Struct, frozen=True):
    """One recorded prediction with its inputs."""

    id: uuid.UUID
    row: int
    rows: int  # how many predictions are known under this id
    request_id: str
    time: datetime
    caller: str
    kind: str
    deal: dict[str, Any]
    unseen: list[str]
    as_of: date
    horizon_days: int
    probability: float
    probabilities: dict[str, float] | None
    model_version: str
    days: list[int]  # the horizon in days of each line of `features`; the first is the one asked about
    features: list[list[float]]
    model_run_id: str | None  # None in records of earlier versions

    def matrix(self) -> NDArray[np.float64]:
        """The matrix that the model was given, (len(days), number of features)."""
        return np.array(self.features, dtype=np.float64)


def insert(connection: Connection, entries: Sequence[Entry]) -> int:
    """Store all deals of `entries` in one transaction and return how many were not known before.

    Raises psycopg.Error; then nothing of it is stored.
    """
    with connection.transaction():
        batch = _open_batch(connection)
        connection.execute(
            "CREATE TEMPORARY TABLE IF NOT EXISTS arriving (LIKE predictions INCLUDING DEFAULTS) ON COMMIT DELETE ROWS"
        )
        with connection.cursor() as cursor:
            with cursor.copy(f"COPY arriving ({_NAMES}) FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(list(_COLUMNS.values()))
                for entry in entries:
                    for row in _rows(entry, batch):
                        copy.write_row(row)
            # In the order of the key, so that two inserts of the same predictions cannot deadlock.
            cursor.execute(
                f'INSERT INTO predictions ({_NAMES}) SELECT {_NAMES} FROM arriving ORDER BY id, "row" ON CONFLICT DO NOTHING'
            )
            return cursor.rowcount


def find(connection: Connection, identifier: uuid.UUID, row: int | None = None) -> Recorded | None:
    """The prediction `row` (by default the first) of the request `identifier`; None when it is not known."""
    (count,) = connection.execute("SELECT count(*) FROM predictions WHERE id = %s", [identifier]).fetchone() or (0,)
    names = [name for name in _COLUMNS if name not in ("batch", "opportunity_id")]
    quoted = ", ".join(f'"{name}"' for name in names)
    found = connection.execute(
        f'SELECT {quoted} FROM predictions WHERE id = %s AND (%s::int4 IS NULL OR "row" = %s) ORDER BY "row" LIMIT 1',
        [identifier, row, row],
    ).fetchone()
    if found is None:
        return None
    values = dict(zip(names, found, strict=True))
    matrix = np.frombuffer(values["features"], dtype="<f8").reshape(len(values["days"]), -1)
    return Recorded(**{**values, "rows": count, "features": matrix.tolist()})


def _open_batch(connection: Connection) -> int:
    """The open batch for new rows, which cannot be closed before this transaction ends."""
    while True:
        query = "SELECT number FROM archive_batches WHERE closed_at IS NULL FOR SHARE"
        if found := connection.execute(query).fetchone():
            return int(found[0])
        connection.execute("INSERT INTO archive_batches DEFAULT VALUES ON CONFLICT DO NOTHING")


def _rows(entry: Entry, batch: int) -> Iterator[tuple[Any, ...]]:
    count = len(entry)
    width = len(entry.features) // count
    by_horizon = None if entry.probabilities is None else Json(entry.probabilities, _ENCODE)
    names = list(entry.deals)
    values = zip(*entry.deals.values(), strict=True) if names else iter([()] * count)
    for at, deal in enumerate(values):
        sent = {name: value for name, value in zip(names, deal, strict=True) if value is not None}
        yield (
            entry.id,
            entry.rows[at],
            batch,
            entry.request_id,
            entry.time,
            entry.caller,
            entry.kind,
            _key(sent.get("opportunity_id")),
            Json(sent, _ENCODE),
            entry.unseen[at],
            entry.as_of,
            entry.horizon_days,
            entry.probability[at],
            by_horizon,
            entry.model_version,
            entry.days,
            entry.features[at * width : (at + 1) * width],
            entry.model_run_id,
        )


def _key(opportunity_id: Any) -> str | None:
    """The key for joining outcomes, without U+0000, which PostgreSQL's text cannot hold."""
    text = "" if opportunity_id is None else str(opportunity_id).replace("\0", "\N{REPLACEMENT CHARACTER}").strip()
    return text or None
