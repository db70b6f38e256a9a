"""Databases of a real PostgreSQL, dumped while they are written to, and restored into another."""

from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from ops.drill import databases
from ops.drill.databases import Server
from ops.errors import OperatorError

pytestmark = pytest.mark.integration


@pytest.fixture
def server(database_url: str) -> Server:
    """The server of the tests: every role has one password there."""
    found = psycopg.conninfo.conninfo_to_dict(database_url)
    return Server(f"{found['host']}:{found['port']}", str(found["password"]))


def test_what_is_restored_is_what_was_dumped_and_a_lost_row_is_told(
    server: Server, database_url: str, server_folder: Path, tmp_path: Path
) -> None:
    # given a table whose order on disk changes, and that grows after the dump
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS drill")
        connection.execute("CREATE TABLE drill (id int PRIMARY KEY, at timestamptz, share float8, text text)")
        connection.execute("INSERT INTO drill SELECT n, now(), n / 3.0, 'ä' || n FROM generate_series(1, 500) n")
        connection.execute("UPDATE drill SET text = NULL WHERE id % 7 = 0")
        # when
        dumped = databases.dump(server, tmp_path)
        connection.execute("INSERT INTO drill VALUES (501)")
    logins = databases.roles(server)
    # then
    assert {"mlflow", "closecast", "alerts"} <= set(logins)
    assert {"mlflow", "prefect", "closecast"} <= {one.database for one in dumped}
    (ours,) = (one for one in dumped if one.database == "closecast")
    assert ours.contents["public.drill"][0] == 500
    with databases.fresh(server_folder / "drill", logins) as elsewhere:
        databases.restore(elsewhere, dumped)
        assert databases.compare(elsewhere, dumped) >= 500
        # when a value is lost, then it is told
        with elsewhere.connect("closecast") as connection:
            connection.execute("UPDATE drill SET share = share + 1e-12 WHERE id = 3")
        with pytest.raises(OperatorError, match=r"1 tables did not come back as they were: closecast: public\.drill"):
            databases.compare(elsewhere, dumped)
        # when a dump is damaged, then that is told too
        damaged = tmp_path / "damaged.dump"
        damaged.write_bytes(ours.file.read_bytes()[:200])
        with pytest.raises(OperatorError, match="pg_restore failed"):
            databases.restore(elsewhere, [replace(ours, file=damaged)])


def test_a_server_that_cannot_start_is_told(server_folder: Path) -> None:
    with (
        pytest.raises(
            OperatorError, match=r"a fresh PostgreSQL does not start: .* the role promoter is to use the database"
        ),
        databases.fresh(server_folder / "drill-in-vain", ["promoter"]),  # its database has no owner
    ):
        pass
