"""Sessions of users: begun with a password or by an OpenID provider, ended by the user, by an admin, or by time.

A session's token reads `cs_<seconds since 1970, hexadecimal>_<secret>`; only its hash is stored. Wrong passwords in a
row lock a name for a while, whether somebody has it or not.
"""

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from closecast.platform.callers import acts, audit
from closecast.platform.callers.acts import By, transaction
from closecast.platform.callers.caller import USER, Role
from closecast.platform.callers.keys import digest
from closecast.platform.callers.passwords import hashed, is_outdated, matches
from closecast.platform.callers.users import (
    COLUMNS,
    NAME,
    ProviderUserError,
    User,
    end_sessions,
    name_hash,
    provided,
    set_password,
)
from closecast.platform.nomad.addresses import Address

PREFIX = "cs_"
LIFETIME = timedelta(hours=12)
MOST_ATTEMPTS = 5  # with a wrong password in a row
LOCKED = timedelta(minutes=15)
_NEW_SECONDS = 5.0  # an instance may learn of a session so late
_MADE_AT = re.compile(PREFIX.encode() + rb"([0-9a-f]{8})_")
_Now = Callable[[], datetime]


class SignInRefusedError(Exception):
    """The name or the password is wrong, or the user is disabled: which of them is not told."""


class SignInLockedError(Exception):
    """Too many wrong passwords were given for this name. `until` is when the next attempt is looked at, UTC."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"too many wrong passwords for this name; try again at {until:%H:%M} UTC")
        self.until = until


@dataclass(frozen=True)
class Begun:
    """A new session: its user, its token, which is shown only here, and when it ends (UTC)."""

    user: User
    until: datetime
    head: audit.Head
    token: str = field(repr=False)


class SessionStore:
    """The sessions in the database at `address`. Every method raises DatabaseAwayError when it does not answer."""

    def __init__(self, address: Address, now: _Now = lambda: datetime.now(UTC)) -> None:
        self._address, self._now = address, now

    def begin(self, name: str, password: str, request_id: str | None) -> Begun:
        """Begin a session. Takes some 25 ms of processor time. Raises SignInRefusedError or SignInLockedError."""
        name = name.strip().lower()
        self._count(name)
        row = self._find(name) if NAME.fullmatch(name) else None
        known = None if row is None else str(row[0])
        if not matches(password, known) or row is None or known is None:
            raise SignInRefusedError("the name or the password is wrong")
        user = User.of_row(row[1:])
        if user.disabled_at is not None:
            raise SignInRefusedError("the name or the password is wrong")
        with transaction(self._address) as connection:
            connection.execute("DELETE FROM failed_sign_ins WHERE name = %s", [name_hash(name)])
            if is_outdated(known):
                connection.execute(
                    "UPDATE users SET password = %s WHERE id = %s AND password = %s",
                    [hashed(password, name), user.id, known],
                )
            return self._begun(connection, user, request_id)

    def begin_provided(self, issuer: str, subject: str, name: str, role: Role, request_id: str | None) -> Begun:
        """Begin a session of whom the provider `issuer` knows as `subject`, with the role that it gives.

        `name` is what a new user is called. Raises SignInRefusedError if the user is disabled here.
        """
        with transaction(self._address) as connection:
            user = provided(connection, issuer, subject, name, role, By(f"{USER}{name}", request_id))
            if user.disabled_at is None:
                return self._begun(connection, user, request_id)
        raise SignInRefusedError("this user is disabled")

    def _begun(self, connection: audit.Connection, user: User, request_id: str | None) -> Begun:
        token, until = f"{PREFIX}{int(time.time()):08x}_{secrets.token_urlsafe(32)}", self._now() + LIFETIME
        connection.execute("DELETE FROM sessions WHERE valid_until < %s", [self._now() - 2 * LIFETIME])
        connection.execute(
            "INSERT INTO sessions (sha256, user_id, valid_until) VALUES (%s, %s, %s)", [digest(token), user.id, until]
        )
        by = By(f"{USER}{user.name}", request_id)
        return Begun(user, until, acts.log(connection, by, "user signed in", f"user {user.name}", {}), token)

    def end(self, token: str, by: By) -> audit.Head | None:
        """End the session of `token`; None if it has ended already."""
        with transaction(self._address) as connection:
            row = connection.execute(
                "DELETE FROM sessions s USING users u WHERE s.sha256 = %s AND u.id = s.user_id RETURNING u.name",
                [digest(token)],
            ).fetchone()
            return None if row is None else acts.log(connection, by, "user signed out", f"user {row[0]}", {})

    def end_all(self, identity: str, by: By) -> tuple[int, audit.Head]:
        """End all sessions of the user with this id; returns how many, and the entry in the audit log."""
        with transaction(self._address) as connection:
            user = self._user(connection, identity)
            ended = end_sessions(connection, user)
            details = {"sessions_ended": ended}
            return ended, acts.log(connection, by, "user signed out everywhere", f"user {user.name}", details)

    def change_password(self, identity: str, old: str, new: str, token: str, by: By) -> audit.Head:
        """Replace the password of the user with this id, and end its sessions but that of `token`.

        A wrong `old` counts as one at sign-in. Raises SignInRefusedError, SignInLockedError or WeakPasswordError, and
        ProviderUserError for who has none here.
        """
        with transaction(self._address) as connection:
            user = self._user(connection, identity)
            if not user.has_password:
                raise ProviderUserError(
                    f"your password is with the provider {user.name.partition(':')[0]}; change it there"
                )
            row = connection.execute("SELECT password FROM users WHERE id = %s", [identity]).fetchone()
        self._count(user.name)
        if row is None or not matches(old, str(row[0])):
            raise SignInRefusedError("the old password is wrong")
        with transaction(self._address) as connection:
            connection.execute("DELETE FROM failed_sign_ins WHERE name = %s", [name_hash(user.name)])
            set_password(connection, user, new)
            ended = end_sessions(connection, user, but=digest(token))
            details = {"sessions_ended": ended}
            return acts.log(connection, by, "password changed", f"user {user.name}", details)

    def _find(self, name: str) -> tuple[Any, ...] | None:
        with transaction(self._address) as connection:
            return connection.execute(f"SELECT password, {COLUMNS} FROM users WHERE name = %s", [name]).fetchone()

    def _user(self, connection: audit.Connection, identity: str) -> User:
        row = connection.execute(f"SELECT {COLUMNS} FROM users WHERE id = %s FOR UPDATE", [identity]).fetchone()
        if row is None:
            raise SignInRefusedError("this user does not exist any more")
        return User.of_row(row)

    def _count(self, name: str) -> None:
        """Count an attempt before it is looked at, so that many at once get no more of them. Raises SignInLockedError."""
        now = self._now()
        with transaction(self._address) as connection:
            connection.execute("DELETE FROM failed_sign_ins WHERE attempted_at < %s", [now - LOCKED])
            row = connection.execute(
                """
                INSERT INTO failed_sign_ins AS kept (name, attempts, attempted_at) VALUES (%(name)s, 1, %(now)s)
                ON CONFLICT (name) DO UPDATE SET
                  attempts = CASE WHEN kept.locked_until > %(now)s THEN kept.attempts ELSE kept.attempts + 1 END,
                  attempted_at = CASE WHEN kept.locked_until > %(now)s THEN kept.attempted_at ELSE %(now)s END,
                  locked_until = CASE
                    WHEN kept.locked_until > %(now)s THEN kept.locked_until
                    WHEN kept.attempts >= %(most)s THEN %(now)s + %(locked)s
                  END
                RETURNING locked_until
                """,
                {"name": name_hash(name), "now": now, "most": MOST_ATTEMPTS, "locked": LOCKED},
            ).fetchone()
        if row is not None and row[0] is not None:
            raise SignInLockedError(row[0].astimezone(UTC))


def is_new(token: bytes) -> bool:
    """Whether the token says of itself that it was made a moment ago, so that this instance may not know of it yet."""
    found = _MADE_AT.match(token)
    return found is not None and abs(time.time() - int(found[1], 16)) < _NEW_SECONDS
