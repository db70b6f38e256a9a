"""PostgreSQL's databases: dumped from one moment, restored into a fresh server, compared with that moment."""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from ops import paths, servers
from ops.errors import OperatorError
from services.postgres.cluster import binaries

Contents = dict[str, tuple[int, str]]
"""By table, `<schema>.<name>`: the number of its rows, and a digest of all of them that does not depend on their order."""

_TABLES = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' ORDER BY 1, 2
"""
_DIGEST = "SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)), 0)::text FROM {} t"
_SECONDS = 120.0  # for a fresh server to be made and to answer


@dataclass(frozen=True)
class Server:
    """A PostgreSQL at `address` (host:port), and its superuser's password."""

    address: str
    password: str

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        host, port = self.address.split(":")
        options = "-c timezone=UTC -c datestyle=ISO"
        return psycopg.connect(
            host=host,
            port=int(port),
            user="postgres",
            password=self.password,
            dbname=database,
            connect_timeout=10,
            options=options,
        )

    def run(self, program: str, *arguments: str) -> None:
        """Run a program of PostgreSQL's on this server. Raises OperatorError with its reason."""
        host, port = self.address.split(":")
        done = subprocess.run(
            [str(binaries() / "bin" / program), "--host", host, "--port", port, "--username", "postgres", *arguments],
            env={**os.environ, "PGPASSWORD": self.password},
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if done.returncode:
            raise OperatorError(
                f"{program} failed: {' '.join(done.stderr.split())[-800:]}",
                "the backup is not complete: mend that first",
            )


@dataclass(frozen=True)
class Dump:
    """A database's dump, and what the database held at that moment."""

    database: str
    file: Path
    contents: Contents


def roles(server: Server) -> list[str]:
    """The roles that may log in, but for the superuser."""
    with server.connect() as connection:
        asked = "SELECT rolname FROM pg_roles WHERE rolcanlogin AND NOT rolsuper ORDER BY 1"
        return [name for (name,) in connection.execute(asked)]


def dump(server: Server, folder: Path) -> list[Dump]:
    """Dump each database into `folder`, from one moment each, while it serves. Raises OperatorError."""
    with server.connect() as connection:
        asked = "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres' ORDER BY 1"
        names = [name for (name,) in connection.execute(asked)]
    if not names:
        raise OperatorError(f"the PostgreSQL at {server.address} has no database", "run `just up` first")
    return [_dump(server, name, folder / f"{name}.dump") for name in names]


def _dump(server: Server, database: str, file: Path) -> Dump:
    with server.connect(database) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        found = connection.execute("SELECT pg_export_snapshot()").fetchone()
        assert found is not None
        server.run("pg_dump", f"--snapshot={found[0]}", "--format=custom", f"--file={file}", database)
        return Dump(database, file, contents(connection))


def contents(connection: psycopg.Connection) -> Contents:
    """What the tables of a database hold."""
    found = {}
    for schema, name in connection.execute(_TABLES).fetchall():
        counted = connection.execute(sql.SQL(_DIGEST).format(sql.Identifier(schema, name))).fetchone()
        assert counted is not None
        found[f"{schema}.{name}"] = counted
    return found


@contextmanager
def fresh(folder: Path, logins: list[str]) -> Iterator[Server]:
    """A new PostgreSQL in `folder`, made as the platform makes its own, with the roles `logins`; ended with the block."""
    folder.mkdir(mode=0o755)
    port = servers.free_port()
    password = secrets.token_hex(16)
    environment = {
        **{
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("POSTGRES_", "CLOSECAST_DATABASE"))
        },
        "PYTHONPATH": str(paths.PROJECT),
        "CLOSECAST_HOST": "127.0.0.1",
        "CLOSECAST_PORT": str(port),
        "CLOSECAST_POSTGRES_FOLDER": str(folder / "data"),
        "POSTGRES_SUPERUSER_PASSWORD": password,
        **{f"POSTGRES_{name.upper()}_PASSWORD": secrets.token_hex(16) for name in logins},
    }
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.postgres"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        server = Server(f"127.0.0.1:{port}", password)
        _wait_for(server, process, log)
        yield server
    finally:
        process.send_signal(signal.SIGINT)  # a fast shutdown: no connection is waited for
        process.wait(60)


def _wait_for(server: Server, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            server.connect().close()
            return
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                written = log.read_text(errors="replace").strip().splitlines()
                raise OperatorError(
                    f"a fresh PostgreSQL does not start: {written[-1] if written else error}",
                    "mend what it names, then run `just restore-drill` again",
                ) from error
        time.sleep(0.2)


def restore(server: Server, dumps: list[Dump]) -> None:
    """Restore the dumps into their databases, which are there and empty. Raises OperatorError."""
    for one in dumps:
        server.run("pg_restore", "--exit-on-error", f"--dbname={one.database}", str(one.file))


def compare(server: Server, dumps: list[Dump]) -> int:
    """Compare what was restored with what was dumped; returns the number of rows. Raises OperatorError where they differ."""
    differing = []
    for one in dumps:
        with server.connect(one.database) as connection:
            found = contents(connection)
        tables = sorted(one.contents.keys() | found.keys())
        differing += [f"{one.database}: {name}" for name in tables if one.contents.get(name) != found.get(name)]
    if differing:
        raise OperatorError(
            f"{len(differing)} tables did not come back as they were: {', '.join(differing[:5])}",
            "do not rely on such a backup: find out what a dump leaves out",
        )
    return sum(rows for one in dumps for rows, _ in one.contents.values())
