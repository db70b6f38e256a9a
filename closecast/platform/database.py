"""Connections to Closecast's own database, its schema migrations, and the rights of its roles."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import psycopg

_CONNECT_SECONDS = 5
_LOCK = 0x636C6F73  # any number that no other user of this database locks


def connect(url: str, **options: Any) -> "psycopg.Connection[tuple[object, ...]]":
    """Open a connection with autocommit. Raises psycopg.OperationalError within seconds.

    `url` is postgresql://role:password@host:port/database; `options` are libpq's, by name.
    """
    return psycopg.connect(url, connect_timeout=_CONNECT_SECONDS, autocommit=True, **options)


def migrate(url: str) -> list[str]:
    """Apply the new files of `closecast/platform/sql` to this database, in the order of their names.

    Each runs in its own transaction; if several processes call this at once, one does it. Then each role that exists
    gets the rights in `grants/<role>.sql`, again each time: a role may be newer than the tables. Returns the names of
    the files applied.
    """
    done = []
    folder = files("closecast.platform").joinpath("sql")
    with connect(url) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        connection.execute(
            "CREATE TABLE IF NOT EXISTS migrations "
            "(name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        known = {row[0] for row in connection.execute("SELECT name FROM migrations")}
        for file in _sorted(folder):
            if file.name.endswith(".sql") and file.name not in known:
                with connection.transaction():
                    connection.execute(file.read_text())
                    connection.execute("INSERT INTO migrations (name) VALUES (%s)", [file.name])
                done.append(file.name)
        for file in _sorted(folder.joinpath("grants")):
            role = file.name.removesuffix(".sql")
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
                connection.execute(file.read_text())
    return done


def _sorted(folder: Traversable) -> list[Traversable]:
    return sorted(folder.iterdir(), key=lambda file: file.name)
