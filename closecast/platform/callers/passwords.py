"""Passwords of users: which are accepted, and their hashes (Argon2id, RFC 9106)."""

import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

SHORTEST, LONGEST = 12, 200  # characters
_A_WORD = 3  # characters: any password may hold a shorter name by chance
# 19 MiB, two passes and one lane, as OWASP's Password Storage Cheat Sheet has it: some 25 ms.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


class WeakPasswordError(ValueError):
    """The password is not accepted; the message says why."""


def hashed(password: str, name: str) -> str:
    """The hash of a new password of the user `name`, as text with its parameters. Raises WeakPasswordError."""
    require_strong(password, name)
    try:
        return _HASHER.hash(password)
    except UnicodeEncodeError as error:
        raise WeakPasswordError("a password is text in Unicode") from error


def require_strong(password: str, name: str) -> None:
    """Raise WeakPasswordError for a password that is too short, too long, too uniform, or about its user."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise WeakPasswordError(f"a password has {SHORTEST} to {LONGEST} characters")
    if len(set(password)) < SHORTEST // 2:
        raise WeakPasswordError(f"a password has at least {SHORTEST // 2} different characters")
    own = name.partition("@")[0]
    if len(own) >= _A_WORD and own in password.lower():
        raise WeakPasswordError("a password does not contain the user's name")


def matches(password: str, known: str | None) -> bool:
    """Whether `password` has the hash `known`; False for None, in the same time."""
    try:
        return _HASHER.verify(known or _nobodys(), password) and known is not None
    except (VerificationError, UnicodeEncodeError):
        return False


def is_outdated(known: str) -> bool:
    """Whether `known` was made with other parameters than new hashes are."""
    return _HASHER.check_needs_rehash(known)


@cache
def _nobodys() -> str:
    """A hash that no password has. Made when it is needed, for it takes as long as any."""
    return _HASHER.hash(secrets.token_urlsafe(32))


def made_up(name: str) -> str:
    """A password for the user `name`, of 120 random bits."""
    while True:
        password = secrets.token_urlsafe(15)
        try:
            require_strong(password, name)
        except WeakPasswordError:
            continue
        return password
