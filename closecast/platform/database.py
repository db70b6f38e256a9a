"""Connections to Closecast's own database, its schema migrations, and the rights of its roles."""

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import psycopg

_CONNECT_SECONDS = 5
_LOCK = 0x636C6F73  # any number that no other user of this database locks


class NotMigratedError(psycopg.OperationalError):
    """The tables of this version, or this role's rights to them, are not there yet."""


def connect(url: str, **options: Any) -> "psycopg.Connection[tuple[object, ...]]":
    """Open a connection with autocommit. Raises psycopg.OperationalError within seconds.

    `url` is postgresql://role:password@host:port/database; `options` are libpq's, by name.
    """
    return psycopg.connect(url, connect_timeout=_CONNECT_SECONDS, autocommit=True, **options)


def connect_migrated(url: str) -> "psycopg.Connection[tuple[object, ...]]":
    """Open a connection as `connect` does, once the owner of the tables has made them and given this role its rights.

    For the roles that make no tables themselves: a query for a table that is not there yet is an error in the log of
    the database. Raises NotMigratedError, and psycopg.OperationalError.
    """
    connection = connect(url)
    try:
        if not _is_migrated(connection):
            raise NotMigratedError("the tables are not there yet: the API and the journal make them")
    except BaseException:
        connection.close()
        raise
    return connection


def migrate(url: str) -> list[str]:
    """Apply the new files of `closecast/platform/sql` to this database, in the order of their names.

    Then each role that exists gets the rights in `grants/<role>.sql`, again each time: a role may be newer than the
    tables. All of it is one transaction, so that other roles see nothing of it or everything; if several processes
    call this at once, one does it. Returns the names of the files applied.
    """
    folder = files("closecast.platform").joinpath("sql")
    with connect(url) as connection, connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        connection.execute(
            "CREATE TABLE IF NOT EXISTS migrations "
            "(name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        known = _applied(connection)
        done = [name for name in _names() if name not in known]
        for name in done:
            connection.execute(folder.joinpath(name).read_text())
            connection.execute("INSERT INTO migrations (name) VALUES (%s)", [name])
        for file in _sql_files(folder.joinpath("grants")):
            role = file.name.removesuffix(".sql")
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
                connection.execute(file.read_text())
    return done


def _is_migrated(connection: "psycopg.Connection[tuple[object, ...]]") -> bool:
    readable = connection.execute("SELECT has_column_privilege(to_regclass('migrations'), 'name', 'SELECT')").fetchone()
    return readable == (True,) and _applied(connection).issuperset(_names())


def _applied(connection: "psycopg.Connection[tuple[object, ...]]") -> set[object]:
    return {row[0] for row in connection.execute("SELECT name FROM migrations")}


@cache
def _names() -> tuple[str, ...]:
    """The migrations of this version, in order."""
    return tuple(file.name for file in _sql_files(files("closecast.platform").joinpath("sql")))


def _sql_files(folder: Traversable) -> list[Traversable]:
    return sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
