"""Acts on keys and users: who does them, the transaction they are done in, and their entry in the audit log."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from closecast.platform.callers import audit
from closecast.platform.database import connect
from closecast.platform.nomad.addresses import Address

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


class DatabaseAwayError(RuntimeError):
    """The database did not answer: the operation may or may not have been done."""


@dataclass(frozen=True)
class By:
    """The actor of an act, and the request."""

    actor: str
    request_id: str | None = None


def new_id() -> str:
    """An identifier of a key or a user: 12 lower-case letters and digits, not secret."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(12))


@contextmanager
def transaction(address: Address) -> Iterator[audit.Connection]:
    """A transaction on a new connection: these acts are rare, and a broken connection must not be reused.

    Raises DatabaseAwayError.
    """
    url = address()
    if url is None:
        raise DatabaseAwayError("the database has not been found yet; try again when it is up")
    try:
        with connect(url) as connection, connection.transaction():
            yield connection
    except psycopg.OperationalError as error:
        raise DatabaseAwayError("the database does not answer; see what was done before trying again") from error


def log(connection: audit.Connection, by: By, act: str, subject: str, details: dict[str, Any]) -> audit.Head:
    """Add the act to the audit log. Raises psycopg.Error."""
    head = audit.append(connection, by.actor, act, subject, details, by.request_id)
    if head is None:
        raise RuntimeError(f"the audit log took no entry for {act!r} of {subject}")
    return head
