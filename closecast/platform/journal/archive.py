"""Predictions in the lake: closed batches of PostgreSQL as Parquet files, each exactly once, by date."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq

from closecast.deals.vocabulary import RAW_COLUMNS
from closecast.platform.lake.store import Lake

PREFIX = "predictions"
_CHUNK = 5_000  # rows in memory at a time
_TEXT = pa.dictionary(pa.int32(), pa.string())
_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("row", pa.int32()),
        ("request_id", pa.string()),
        ("time", pa.timestamp("us", tz="UTC")),
        ("caller", _TEXT),
        ("kind", _TEXT),
        *((name, pa.string()) for name in RAW_COLUMNS),
        ("unseen", pa.list_(pa.string())),
        ("as_of", pa.date32()),
        ("horizon_days", pa.int32()),
        ("probability", pa.float64()),
        ("probabilities", pa.map_(pa.string(), pa.float64())),
        ("model_version", _TEXT),
        ("model_run_id", _TEXT),
        ("days", pa.list_(pa.int32())),
        ("features", pa.list_(pa.float64())),
    ]
)
_NAMES = (
    "id",
    "row",
    "request_id",
    "time",
    "caller",
    "kind",
    "unseen",
    "as_of",
    "horizon_days",
    "probability",
    "model_version",
    "model_run_id",
    "days",
    "deal",
    "probabilities",
    "features",
)
_FLOAT = 8  # bytes
# Columns in a form that needs no Python objects here: the journal also stores while it archives.
_ASKED = {
    "id": "id::text",
    "time": '(extract(epoch FROM "time") * 1000000)::int8',
    "deal": "deal::text",
    "probabilities": "coalesce(probabilities::text, 'null')",
}


@dataclass(frozen=True)
class Archived:
    """The files and rows written for one batch."""

    batch: int
    keys: tuple[str, ...]
    rows: int


def close_batch(connection: psycopg.Connection[Any], rows: int, age: timedelta) -> int | None:
    """Close the open batch when it holds `rows` rows or more, or any that are older than `age`; returns its number.

    Waits for transactions that are storing into it; later ones cannot.
    """
    with connection.transaction():
        found = connection.execute("SELECT number FROM archive_batches WHERE closed_at IS NULL").fetchone()
        if found is None:
            return None
        due = connection.execute(
            "SELECT (SELECT count(*) FROM predictions WHERE batch = %(batch)s) >= %(rows)s OR EXISTS "
            "(SELECT FROM (SELECT stored_at FROM predictions WHERE batch = %(batch)s LIMIT 1) AS one "
            "WHERE stored_at <= now() - %(age)s)",
            {"batch": found[0], "rows": max(rows, 1), "age": age},
        ).fetchone()
        if due is None or not due[0]:
            return None
        closed = connection.execute(
            "UPDATE archive_batches SET closed_at = now() WHERE number = %s AND closed_at IS NULL", found
        ).rowcount
        return int(found[0]) if closed else None


def archive_closed(connection: psycopg.Connection[Any], lake: Lake) -> Iterator[Archived]:
    """Write each closed batch that is not in the lake yet, and mark it. Raises LakeError and psycopg.Error.

    A batch's rows and keys never change: one that was written but not marked is overwritten with the same content.
    """
    while True:
        found = connection.execute(
            "SELECT number, name FROM archive_batches WHERE closed_at IS NOT NULL AND archived_at IS NULL ORDER BY number LIMIT 1"
        ).fetchone()
        if found is None:
            return
        batch, name = found
        keys, rows = [], 0
        for day in _days(connection, batch):
            key = f"{PREFIX}/date={day}/batch-{batch:08d}-{name}.parquet"
            rows += _write(connection, lake, batch, day, key)
            keys.append(key)
        connection.execute(
            "UPDATE archive_batches SET archived_at = now(), rows = %s, files = %s WHERE number = %s",
            [rows, len(keys), batch],
        )
        yield Archived(batch, tuple(keys), rows)


def _days(connection: psycopg.Connection[Any], batch: int) -> list[date]:
    query = "SELECT DISTINCT (\"time\" AT TIME ZONE 'UTC')::date FROM predictions WHERE batch = %s ORDER BY 1"
    return [row[0] for row in connection.execute(query, [batch])]


def _write(connection: psycopg.Connection[Any], lake: Lake, batch: int, day: date, key: str) -> int:
    """Write the batch's predictions of one UTC day, in the order of their ids; returns their number."""
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    columns = ", ".join(_ASKED.get(name, f'"{name}"') for name in _NAMES)
    # By the columns themselves, not by what is made of them for the file.
    query = (
        f'SELECT {columns} FROM predictions WHERE batch = %s AND "time" >= %s AND "time" < %s '
        'ORDER BY predictions.id, predictions."row"'
    )
    rows = 0
    with (
        connection.transaction(),
        connection.cursor(name="archive", binary=True) as cursor,
        lake.writing(key) as file,
        pq.ParquetWriter(file, _SCHEMA, compression="zstd") as writer,
    ):
        cursor.execute(query, [batch, begin, begin + timedelta(days=1)])
        while chunk := cursor.fetchmany(_CHUNK):
            writer.write_table(_table(chunk))
            rows += len(chunk)
    return rows


def _table(chunk: list[tuple[Any, ...]]) -> pa.Table:
    values: dict[str, Any] = dict(zip(_NAMES, zip(*chunk, strict=True), strict=True))
    # Parsing one JSON array is faster than parsing thousands of objects.
    deals = msgspec.json.decode(f"[{','.join(values['deal'])}]", type=list[dict[str, Any]])
    for name in RAW_COLUMNS:
        values[name] = [None if (found := deal.get(name)) is None else str(found) for deal in deals]
    horizons = msgspec.json.decode(f"[{','.join(values['probabilities'])}]", type=list[dict[str, float] | None])
    values["probabilities"] = [None if one is None else list(one.items()) for one in horizons]
    features = values["features"]
    edges = np.cumsum([0, *map(len, features)]) // _FLOAT
    values["features"] = pa.ListArray.from_arrays(
        pa.array(edges, pa.int32()), np.frombuffer(b"".join(features), dtype="<f8")
    )
    return pa.table([_array(values[field.name], field.type) for field in _SCHEMA], schema=_SCHEMA)


def _array(values: Any, kind: pa.DataType) -> pa.Array:
    return values if isinstance(values, pa.Array) else pa.array(values, kind)
