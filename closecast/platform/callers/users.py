"""Users in PostgreSQL: created, listed and changed, each together with its entry in the audit log.

A user has a password here, or is signed in by an OpenID provider and is told by the provider's issuer and subject. The
name of such a user is the provider's name, a colon, and the name there.
"""

import hashlib
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal, LiteralString

import psycopg

from closecast.platform.callers import acts, audit
from closecast.platform.callers.acts import By, transaction
from closecast.platform.callers.caller import Role
from closecast.platform.callers.passwords import hashed, made_up
from closecast.platform.nomad.addresses import Address

# Of a user with a password, and what a user is called by the provider.
NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,99}")
ANY_NAME = re.compile(r"([a-z][a-z0-9-]{0,30}:)?[a-z0-9][a-z0-9._@+-]{0,112}")
State = Literal["active", "disabled"]
COLUMNS: LiteralString = "id, name, role, created_by, created_at, password_changed_at, disabled_at"


class NoSuchUserError(LookupError):
    """No user has this name."""


class UserExistsError(ValueError):
    """Another user has this name."""


class ProviderUserError(ValueError):
    """Role and password of this user are not kept here, but by the provider that signs it in."""


@dataclass(frozen=True)
class User:
    """A user without the password. Times are UTC."""

    id: str
    name: str
    role: Role
    created_by: str
    created_at: datetime
    password_changed_at: datetime | None  # None without a password
    disabled_at: datetime | None

    @property
    def state(self) -> State:
        """Whether the user can sign in."""
        return "active" if self.disabled_at is None else "disabled"

    @property
    def has_password(self) -> bool:
        """Whether the user signs in with a password of its own, and not by a provider."""
        return has_password(self.name)

    @classmethod
    def of_row(cls, row: tuple[Any, ...]) -> "User":
        """Read a row of COLUMNS."""
        identity, name, role, created_by, *times = row
        return cls(identity, name, role, created_by, *(time and time.astimezone(UTC) for time in times))


@dataclass(frozen=True)
class Changed:
    """A user after an act, the new password if one was made up, and the entry in the audit log, if anything changed."""

    user: User
    password: str | None = field(default=None, repr=False)
    head: audit.Head | None = None


class UserStore:
    """The users in the database at `address`. Every method raises DatabaseAwayError when it does not answer."""

    def __init__(self, address: Address) -> None:
        self._address = address

    def create(self, name: str, role: Role, by: By, password: str | None = None) -> Changed:
        """Create a user with this password, or one that is made up. Raises UserExistsError or WeakPasswordError."""
        new = password or made_up(name)
        identity = acts.new_id()
        with transaction(self._address) as connection:
            try:
                row = connection.execute(
                    "INSERT INTO users (id, name, role, password, created_by) VALUES (%s, %s, %s, %s, %s) "
                    f"RETURNING {COLUMNS}",
                    [identity, name, role, hashed(new, name), by.actor],
                ).fetchone()
            except psycopg.errors.UniqueViolation as error:
                raise UserExistsError(f"there is a user {name} already; change that one") from error
            assert row is not None
            user = User.of_row(row)
            head = acts.log(connection, by, "user created", _subject(user), {"role": role})
            return Changed(user, new if password is None else None, head)

    def all(self) -> list[User]:
        """All users, including disabled ones, by name."""
        with transaction(self._address) as connection:
            return [User.of_row(row) for row in connection.execute(f"SELECT {COLUMNS} FROM users ORDER BY name")]

    def change(
        self, name: str, by: By, *, role: Role | None = None, disabled: bool | None = None, new_password: bool = False
    ) -> Changed:
        """Give a user another role, disable or enable it, or make up a new password: its sessions end, and it is unlocked.

        What is None stays, and what is so already is not logged. Raises NoSuchUserError, and ProviderUserError for the
        role or the password of a provider's user.
        """
        with transaction(self._address) as connection:
            user = locked(connection, name)
            if not user.has_password and (role is not None or new_password):
                raise ProviderUserError(
                    f"{name} gets its role and its password from the provider {name.partition(':')[0]}; change it there, "
                    "or disable the user here"
                )
            details: dict[str, Any] = {}
            if role is not None and role != user.role:
                details |= {"role": role, "role_before": user.role}
                connection.execute("UPDATE users SET role = %s WHERE id = %s", [role, user.id])
            if disabled is not None and disabled != (user.state == "disabled"):
                details["disabled"] = disabled
                moment = datetime.now(UTC) if disabled else None
                connection.execute("UPDATE users SET disabled_at = %s WHERE id = %s", [moment, user.id])
            password = made_up(name) if new_password else None
            if password is not None:
                details["password"] = "made up"
                set_password(connection, user, password)
                connection.execute("DELETE FROM failed_sign_ins WHERE name = %s", [name_hash(name)])
            if disabled or password is not None:
                details["sessions_ended"] = end_sessions(connection, user)
            if not details:
                return Changed(user)
            return Changed(
                locked(connection, name), password, acts.log(connection, by, "user changed", _subject(user), details)
            )


def has_password(name: str) -> bool:
    """Whether the user of this name has a password, and is not signed in by a provider."""
    return ":" not in name


def provided(connection: audit.Connection, issuer: str, subject: str, name: str, role: Role, by: By) -> User:
    """The user whom the provider `issuer` knows as `subject`, with `role` from now on; a new one is called `name`.

    A user keeps the name of its first sign-in. Where somebody else has that name, as with an address that was given to
    somebody new, the id is added to it.
    """
    row = connection.execute(
        f"SELECT {COLUMNS} FROM users WHERE issuer = %s AND subject = %s FOR UPDATE", [issuer, subject]
    ).fetchone()
    if row is not None:
        user = User.of_row(row)
        if user.role != role:
            connection.execute("UPDATE users SET role = %s WHERE id = %s", [role, user.id])
            acts.log(connection, by, "user changed", _subject(user), {"role": role, "role_before": user.role})
        return replace(user, role=role)
    identity = acts.new_id()
    for free in (name, f"{name}+{identity}"):
        row = connection.execute(
            "INSERT INTO users (id, name, role, issuer, subject, password_changed_at, created_by) "
            "VALUES (%s, %s, %s, %s, %s, NULL, %s) ON CONFLICT DO NOTHING "
            f"RETURNING {COLUMNS}",
            [identity, free, role, issuer, subject, by.actor],
        ).fetchone()
        if row is not None:
            user = User.of_row(row)
            acts.log(connection, by, "user created", _subject(user), {"role": role})
            return user
    # Two first sign-ins of one person at the same moment: the other one has created the user.
    return provided(connection, issuer, subject, name, role, by)


def locked(connection: audit.Connection, name: str) -> User:
    """The user `name`, locked until the transaction ends. Raises NoSuchUserError."""
    row = connection.execute(f"SELECT {COLUMNS} FROM users WHERE name = %s FOR UPDATE", [name]).fetchone()
    if row is None:
        raise NoSuchUserError("there is no user of this name")
    return User.of_row(row)


def set_password(connection: audit.Connection, user: User, password: str) -> None:
    """Replace the password. Raises WeakPasswordError."""
    connection.execute(
        "UPDATE users SET password = %s, password_changed_at = now() WHERE id = %s",
        [hashed(password, user.name), user.id],
    )


def end_sessions(connection: audit.Connection, user: User, but: bytes | None = None) -> int:
    """End the user's sessions except the one of the hash `but`; returns how many."""
    ended = connection.execute("DELETE FROM sessions WHERE user_id = %s AND sha256 IS DISTINCT FROM %s", [user.id, but])
    return ended.rowcount


def name_hash(name: str) -> bytes:
    """The hash by which wrong passwords for a name are counted, 32 bytes."""
    return hashlib.sha256(name.encode(errors="surrogatepass")).digest()


def _subject(user: User) -> str:
    return f"user {user.name}"
