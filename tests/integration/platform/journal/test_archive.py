"""Predictions in the lake: every row in one file exactly once, also when the archiver is killed at the worst moment."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from closecast.platform.database import connect
from closecast.platform.journal.archive import PREFIX, Archived, archive_closed, close_batch
from closecast.platform.journal.entry import Entry
from closecast.platform.journal.store import Connection, insert
from closecast.platform.lake.store import Lake, LakeError
from closecast.platform.settings import LakeSettings
from tests.journal_entries import batch, keys, single
from tests.servers.localstack import S3
from tests.servers.processes import PROJECT, free_port
from tests.waiting import awaited

pytestmark = pytest.mark.integration
NOW = timedelta(0)


@pytest.fixture
def lake(s3: S3) -> Lake:
    return Lake(LakeSettings.from_environment(s3.environment))


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    with connect(database_url) as connection:
        connection.execute("TRUNCATE predictions, archive_batches")
        yield connection


def _read(lake: Lake, archived: list[Archived]) -> pa.Table:
    tables = []
    for key in [key for one in archived for key in one.keys]:
        with lake.opened(key) as file:
            tables.append(pq.read_table(file))
    return pa.concat_tables(tables)


def _keys(table: pa.Table) -> list[tuple[str, int]]:
    return sorted(zip(table["id"].to_pylist(), table["row"].to_pylist(), strict=True))


def _expected(entries: list[Entry]) -> list[tuple[str, int]]:
    return sorted((str(identifier), row) for identifier, row in keys(entries))


def test_rows_are_written_once_by_date_with_all_that_was_recorded(connection: Connection, lake: Lake) -> None:
    # given
    late = datetime(2026, 3, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    entries = [single(1, time=late), single(2, time=late + timedelta(microseconds=1)), batch(20, 3, time=late)]
    insert(connection, entries)
    # when
    assert close_batch(connection, rows=22, age=timedelta(hours=1)) is not None
    (archived,) = list(archive_closed(connection, lake))
    # then
    assert archived.rows == 22
    assert [key.split("/")[:2] for key in archived.keys] == [[PREFIX, "date=2026-03-31"], [PREFIX, "date=2026-04-01"]]
    table = _read(lake, [archived])
    assert _keys(table) == _expected(entries)
    (row,) = [row for row in table.to_pylist() if row["id"] == str(entries[0].id)]
    assert pa.array(row["features"], pa.float64()).to_numpy().tobytes() == entries[0].features
    assert (row["opportunity_id"], row["sales_agent"], row["account"]) == ("A1", "Ada Berg", None)
    assert dict(row["probabilities"]) == entries[0].probabilities
    assert (row["time"], row["probability"], row["days"]) == (late, entries[0].probability[0], entries[0].days)
    assert list(archive_closed(connection, lake)) == []


def test_size_or_age_closes_a_batch_and_an_empty_one_stays_open(connection: Connection) -> None:
    assert close_batch(connection, 1, NOW) is None
    insert(connection, [single(1)])
    assert close_batch(connection, 2, timedelta(minutes=1)) is None
    first = close_batch(connection, 1, timedelta(minutes=1))
    insert(connection, [single(2)])
    second = close_batch(connection, 100, NOW)
    assert first is not None and second is not None and second > first
    assert close_batch(connection, 1, NOW) is None


def test_a_batch_waits_for_those_who_store_into_it(connection: Connection, database_url: str) -> None:
    # given: rows that are stored and not committed yet
    insert(connection, [single(1)])
    closed: list[int | None] = []

    def close() -> None:
        with connect(database_url) as other:
            closed.append(close_batch(other, 1, NOW))

    with connection.transaction():
        insert(connection, [single(2)])
        # when
        closer = threading.Thread(target=close)
        closer.start()
        closer.join(0.5)
        # then
        assert closer.is_alive()
    closer.join(10)
    assert closed != [None]
    assert connection.execute("SELECT batch, count(*) FROM predictions GROUP BY 1").fetchall() == [(closed[0], 2)]
    insert(connection, [single(3)])
    assert connection.execute("SELECT count(DISTINCT batch) FROM predictions").fetchone() == (2,)


def test_an_archiver_killed_between_writing_and_marking_writes_the_same_again(
    connection: Connection, lake: Lake, database_url: str, s3: S3
) -> None:
    # given: another transaction holds the mark, so that the process stops right before it
    entries = [batch(50, number) for number in range(3)]
    insert(connection, entries)
    number = close_batch(connection, 1, NOW)
    script = (
        "import os, sys; from closecast.platform.database import connect;"
        "from closecast.platform.journal.archive import archive_closed; from closecast.platform.lake.store import Lake;"
        "from closecast.platform.settings import LakeSettings;"
        "list(archive_closed(connect(sys.argv[1]), Lake(LakeSettings.from_environment(os.environ))))"
    )
    before = set(lake.keys(PREFIX))
    with connect(database_url) as other, other.transaction():
        other.execute("SELECT FROM archive_batches WHERE number = %s FOR UPDATE", [number])
        environment = {**os.environ, **s3.environment, "PYTHONPATH": str(PROJECT)}
        process = subprocess.Popen([sys.executable, "-c", script, database_url], env=environment)
        written = awaited(lambda: set(lake.keys(PREFIX)) - before, told=process.poll, pause=0.05)
        # when
        process.kill()
        process.wait(timeout=20)
        # The server would go on with the statement that it has: the machine that asked is gone with all its connections.
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user AND wait_event_type = 'Lock'"
        )
        (key,) = written
        with lake.opened(key) as file:
            content = file.read()
    (archived,) = list(archive_closed(connection, lake))
    # then
    assert archived.keys == (key,)
    assert set(lake.keys(PREFIX)) - before == {key}
    with lake.opened(key) as file:
        assert file.read() == content
    assert _keys(_read(lake, [archived])) == _expected(entries)


def test_a_lake_that_is_away_leaves_the_batch_for_later(connection: Connection, lake: Lake, s3: S3) -> None:
    # given
    insert(connection, [single(1)])
    close_batch(connection, 1, NOW)
    away = Lake(LakeSettings(s3.bucket, s3.region, f"http://127.0.0.1:{free_port()}", s3.access_key, s3.secret_key))
    # when
    with pytest.raises(LakeError):
        list(archive_closed(connection, away))
    # then
    assert [one.rows for one in archive_closed(connection, lake)] == [1]
