"""A PostgreSQL that somebody else runs, such as RDS: make its roles and databases, and tell whether it answers."""

import contextlib
import logging
import signal
import socket
import threading
from dataclasses import dataclass
from types import FrameType

import psycopg

from services.postgres.roles import provision

_LOG = logging.getLogger("services.postgres.managed")
_SECONDS = 5.0  # between two looks, and for a connection


@dataclass(frozen=True)
class Managed:
    """The server's address and its administrator, and the roles' passwords.

    TLS is as PGSSLMODE and PGSSLROOTCERT in the environment say.
    """

    host: str
    port: int
    administrator: str
    password: str
    role_passwords: dict[str, str]

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host=self.host,
            port=self.port,
            user=self.administrator,
            password=self.password,
            dbname="postgres",
            connect_timeout=int(_SECONDS),
            autocommit=True,
        )

    def prepare(self) -> None:
        """Make what is missing. Raises psycopg.Error with the server's reason."""
        with self.connect() as connection:
            provision(connection, self.role_passwords)


def watch(managed: Managed, listen_on: tuple[str, int]) -> None:
    """Accept connections on an address of this task for as long as the server answers; returns on SIGINT or SIGTERM.

    So the check of the service, which can only look at this task, tells of the server.
    """
    ended = threading.Event()

    def end(_: int, __: FrameType | None) -> None:
        ended.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    listener: socket.socket | None = None
    while not ended.is_set():
        problem = _problem(managed)
        if problem is None and listener is None:
            listener = socket.create_server(listen_on)
            threading.Thread(target=_accept, args=[listener], daemon=True).start()
            _LOG.info("%s answers", managed.host)
        elif problem is not None and listener is not None:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            listener = None
            _LOG.warning("%s does not answer: %s", managed.host, problem)
        ended.wait(_SECONDS)


def _problem(managed: Managed) -> str | None:
    """Why the server does not answer; an administrator's password that has changed since is no reason."""
    try:
        socket.create_connection((managed.host, managed.port), _SECONDS).close()
    except OSError as error:
        return str(error)
    return None


def _accept(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the listener was closed
        while True:
            listener.accept()[0].close()
