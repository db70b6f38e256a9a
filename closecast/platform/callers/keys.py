"""API keys in PostgreSQL: created, listed, rotated and revoked, each together with its entry in the audit log.

A key reads `cc_<id>_<secret>`: the id is public and stays through rotations, the secret is 256 random bits in
base64url. Only the secret's hash is stored, so a key is shown once, when it is created. A plain SHA-256 is enough: 256
random bits cannot be guessed, and a slow hash would cost every request.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, LiteralString

from closecast.platform.callers import acts, audit
from closecast.platform.callers.acts import By, transaction
from closecast.platform.callers.caller import Role
from closecast.platform.nomad.addresses import Address

PREFIX = "cc_"
ID = re.compile(r"[a-z0-9]{12}")
State = Literal["active", "expired", "revoked"]
_COLUMNS: LiteralString = "id, name, role, created_by, created_at, expires_at, revoked_at, last_used_at"


class NoSuchKeyError(LookupError):
    """No key has this id."""


class KeyEndedError(ValueError):
    """The key was revoked or has expired; it cannot be given a new secret."""


@dataclass(frozen=True)
class Key:
    """A key without its secret. Times are UTC; `last_used_at` lags by some seconds."""

    id: str
    name: str
    role: Role
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    def state(self, now: datetime) -> State:
        """The state of the key at `now`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"


@dataclass(frozen=True)
class Issued:
    """A new key with its secret."""

    key: Key
    text: str = field(repr=False)


def digest(text: str | bytes) -> bytes:
    """The SHA-256 of a key, 32 bytes."""
    return hashlib.sha256(text if isinstance(text, bytes) else text.encode()).digest()


class KeyStore:
    """The keys in the database at `address`. Every method raises DatabaseAwayError when it does not answer."""

    def __init__(self, address: Address) -> None:
        self._address = address

    def create(self, name: str, role: Role, lifetime: timedelta | None, by: By) -> tuple[Issued, audit.Head]:
        """Create a key, valid for `lifetime`, or until it is revoked if None."""
        identity = acts.new_id()
        expires_at = None if lifetime is None else datetime.now(UTC) + lifetime
        with transaction(self._address) as connection:
            row = connection.execute(
                "INSERT INTO api_keys (id, name, role, created_by, expires_at) VALUES (%s, %s, %s, %s, %s) "
                f"RETURNING {_COLUMNS}",
                [identity, name, role, by.actor, expires_at],
            ).fetchone()
            key = _key(row)
            details = {"name": name, "role": role, "expires_at": expires_at and expires_at.isoformat()}
            return Issued(key, _add_secret(connection, identity)), _log(connection, by, "key created", key, details)

    def all(self) -> list[Key]:
        """All keys, including ended ones, newest first."""
        with transaction(self._address) as connection:
            return [
                _key(row) for row in connection.execute(f"SELECT {_COLUMNS} FROM api_keys ORDER BY created_at DESC")
            ]

    def rotate(self, identity: str, grace: timedelta, by: By) -> tuple[Issued, audit.Head]:
        """Give the key a new secret; earlier ones stay valid for `grace`. Raises NoSuchKeyError or KeyEndedError."""
        with transaction(self._address) as connection:
            key = self._locked(connection, identity)
            if (state := key.state(datetime.now(UTC))) != "active":
                raise KeyEndedError(f"the key {identity} is {state}; create another")
            connection.execute(
                "UPDATE api_key_secrets SET valid_until = least(valid_until, now() + %s) WHERE key_id = %s",
                [grace, identity],
            )
            details = {"old_valid_seconds": int(grace.total_seconds())}
            return Issued(key, _add_secret(connection, identity)), _log(connection, by, "key rotated", key, details)

    def revoke(self, identity: str, by: By) -> tuple[Key, audit.Head | None]:
        """Revoke the key; repeating it changes and logs nothing. Raises NoSuchKeyError."""
        with transaction(self._address) as connection:
            key = self._locked(connection, identity)
            if key.revoked_at is not None:
                return key, None
            row = connection.execute(
                f"UPDATE api_keys SET revoked_at = now() WHERE id = %s RETURNING {_COLUMNS}", [identity]
            ).fetchone()
            return _key(row), _log(connection, by, "key revoked", key, {"name": key.name})

    def log(self, limit: int, before: int | None = None) -> list[audit.Entry]:
        """A page of the audit log, newest first."""
        with transaction(self._address) as connection:
            return audit.page(connection, limit, before)

    def verify_log(self, known: audit.Head | None = None) -> audit.Verdict:
        """Verify the whole audit log."""
        with transaction(self._address) as connection:
            return audit.verify(connection, known)

    @staticmethod
    def _locked(connection: audit.Connection, identity: str) -> Key:
        row = connection.execute(f"SELECT {_COLUMNS} FROM api_keys WHERE id = %s FOR UPDATE", [identity]).fetchone()
        if row is None:
            raise NoSuchKeyError(f"there is no key {identity}")
        return _key(row)


def _add_secret(connection: audit.Connection, identity: str) -> str:
    text = f"{PREFIX}{identity}_{secrets.token_urlsafe(32)}"
    connection.execute("INSERT INTO api_key_secrets (sha256, key_id) VALUES (%s, %s)", [digest(text), identity])
    return text


def _log(connection: audit.Connection, by: By, act: str, key: Key, details: dict[str, Any]) -> audit.Head:
    return acts.log(connection, by, act, f"key {key.id}", details)


def _key(row: tuple[Any, ...] | None) -> Key:
    if row is None:
        raise RuntimeError("the database returned no row for a key that it has just written")
    identity, name, role, created_by, *times = row
    return Key(identity, name, role, created_by, *(time and time.astimezone(UTC) for time in times))
