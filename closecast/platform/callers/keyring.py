"""The valid API keys and sessions in memory, kept current and copied to disk by a thread.

PostgreSQL announces each change (NOTIFY), and the whole list is also read again every second. The copy on disk holds
hashes only; with it an instance that starts while PostgreSQL is away knows its callers. A revocation needs PostgreSQL,
so a list that PostgreSQL has not confirmed for a day may hold revoked keys and is no longer trusted: then only the keys
of the environment are accepted, and requests with others get 503.
"""

import hmac
import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from closecast.platform.callers import keys, sessions
from closecast.platform.callers.caller import KEY, USER, Caller, UncheckedCallerError, UnknownCallerError
from closecast.platform.database import connect, migrate
from closecast.platform.nomad.addresses import Address
from closecast.platform.runtime.background import BackgroundWorker
from closecast.platform.runtime.files import write_whole

_LOG = logging.getLogger(__name__)

_KEY, _SESSION = keys.PREFIX.encode(), sessions.PREFIX.encode()
TRUST_SECONDS = 24 * 3600.0
_REFRESH_SECONDS = 1.0
_NOTE_SECONDS = 10.0  # how often last-used times are written, and the confirmation on disk renewed
_FORGET_SECONDS = 30 * 86400  # how long requests with an expired key get the message that it has expired
_SELECT = f"""
SELECT s.sha256, '{KEY}' || k.id, k.name, k.role,
       extract(epoch FROM least(k.expires_at, s.valid_until))::float8
FROM api_keys k JOIN api_key_secrets s ON s.key_id = k.id
WHERE k.revoked_at IS NULL
  AND coalesce(least(k.expires_at, s.valid_until) > now() - make_interval(secs => %s), true)
UNION ALL
SELECT s.sha256, '{USER}' || u.id, u.name, u.role, extract(epoch FROM s.valid_until)::float8
FROM sessions s JOIN users u ON u.id = s.user_id
WHERE u.disabled_at IS NULL
"""
_UNSEEN = "the list of API keys has not been seen for too long; try again in a moment"


@dataclass(frozen=True, slots=True)
class _Entry:
    sha256: bytes
    caller: Caller
    until: float  # seconds since the epoch; infinity for as long as it is not revoked


class Keyring:
    """Finds callers by the hashes in the database at `address` and by `fixed` hashes of the admin "bootstrap".

    `file` is the copy on disk; without an `address` there is none and the fixed hashes are all. `find` is for the
    request path: it never waits.
    """

    def __init__(self, fixed: Sequence[bytes], address: Address | None, file: Path | None) -> None:
        bootstrap = Caller("bootstrap", "bootstrap", "key", "admin")
        self._fixed = {sha256: _Entry(sha256, bootstrap, float("inf")) for sha256 in fixed}
        self._entries: Mapping[bytes, _Entry] = self._fixed
        self._address, self._file = address, file
        self._confirmed = float("inf") if address is None else float("-inf")
        self._used: dict[str, float] = {}
        self._noted = self._saved = 0.0
        self._migrated = False
        self._worker = BackgroundWorker(
            "keyring", self._listen, self._report, retry_seconds=_REFRESH_SECONDS, describe=_described
        )

    def find(self, presented: bytes) -> Caller:
        """The caller of the presented key.

        Raises UnknownCallerError, or UncheckedCallerError when it cannot be checked now.
        """
        sha256 = keys.digest(presented)
        entry = self._entries.get(sha256)
        now = time.time()
        # The look-up's time depends only on the digest, which a caller cannot choose; the comparison takes constant time.
        if entry is None or not hmac.compare_digest(entry.sha256, sha256):
            if presented.startswith((_KEY, _SESSION)) and now - self._confirmed > TRUST_SECONDS:
                raise UncheckedCallerError(_UNSEEN)
            if presented.startswith(_SESSION):
                if sessions.is_new(presented):
                    raise UncheckedCallerError("the session is not known here yet; try again in a moment", soon=True)
                raise UnknownCallerError("the session is not known: it has ended; sign in again")
            raise UnknownCallerError("the API key is not known: it was never issued, was rotated, or was revoked")
        if entry.until <= now:
            is_session = presented.startswith(_SESSION)
            raise UnknownCallerError(
                "the session has ended; sign in again" if is_session else "the API key has expired"
            )
        if entry.caller.id != "bootstrap":
            if now - self._confirmed > TRUST_SECONDS:
                raise UncheckedCallerError(_UNSEEN)
            self._used[entry.caller.id] = now
        return entry.caller

    @property
    def size(self) -> int:
        """Number of known secrets, including the environment's."""
        return len(self._entries)

    @property
    def age(self) -> float:
        """Seconds since the database last confirmed the list; 0 when there is no database to ask, infinity before it did."""
        return max(0.0, time.time() - self._confirmed)

    def start(self) -> None:
        """Load the copy on disk, then follow the database, if there is one."""
        if self._address is not None:
            self._restore()
            self._worker.start()

    def stop(self) -> None:
        """Stop the thread, which writes the last-used times first; waits two seconds at most."""
        self._worker.stop()

    def _listen(self) -> float:
        """Read the list at once and whenever it may have changed.

        Returns on a stop; raises when the database goes away.
        """
        url = self._address() if self._address is not None else None
        if url is None:
            self._worker.fail("the database has not been found yet")
            return _REFRESH_SECONDS
        if not self._migrated:
            migrate(url)
            self._migrated = True
        with connect(url) as connection:
            connection.execute("LISTEN api_keys")
            while not self._worker.is_stopping:
                self._read(connection)
                if time.monotonic() - self._noted > _NOTE_SECONDS:
                    self._note(connection)
                # A stop is noticed within this time too.
                for _ in connection.notifies(timeout=_REFRESH_SECONDS, stop_after=1):
                    pass
            self._note(connection)
        return 0.0

    def _read(self, connection: "psycopg.Connection[tuple[Any, ...]]") -> None:
        rows = connection.execute(_SELECT, [_FORGET_SECONDS]).fetchall()
        known = [[bytes(row[0]).hex(), *row[1:]] for row in rows]
        entries = {**_entries(known), **self._fixed}
        changed = entries != self._entries
        self._entries, self._confirmed = entries, time.time()
        if self._worker.settle():
            _LOG.info("keyring", extra={"keys": len(known), "origin": "database"})
        if changed or time.monotonic() - self._saved > _NOTE_SECONDS:
            self._save(known)

    def _note(self, connection: "psycopg.Connection[tuple[Any, ...]]") -> None:
        """Write the last-used time of each key, one statement per key, so that instances never wait for each other's locks."""
        used, self._used = self._used, {}
        try:
            for identity, at in sorted((one, at) for one, at in used.items() if one.startswith(KEY)):
                connection.execute(
                    "UPDATE api_keys SET last_used_at = greatest(last_used_at, to_timestamp(%s)) WHERE id = %s",
                    [at, identity.removeprefix(KEY)],
                )
        except psycopg.Error:
            self._used = {**used, **self._used}
            raise
        self._noted = time.monotonic()

    def _save(self, known: list[list[Any]]) -> None:
        if self._file is None:
            return
        write_whole(self._file, json.dumps({"confirmed": self._confirmed, "callers": known}))
        self._saved = time.monotonic()

    def _restore(self) -> None:
        if self._file is None or not self._file.exists():
            return
        try:
            kept = json.loads(self._file.read_text())
            entries, confirmed = _entries(kept["callers"]), float(kept["confirmed"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            _LOG.warning("keyring", extra={"origin": "disk", "problem": f"{type(error).__name__}: {error}"})
            return
        self._entries = {**entries, **self._fixed}
        self._confirmed = min(confirmed, time.time())  # a clock that was ahead must not make it trusted for longer
        _LOG.info("keyring", extra={"keys": len(entries), "origin": "disk"})

    def _report(self, problem: str) -> None:
        _LOG.warning("keyring", extra={"keys": len(self._entries), "problem": problem})


def _described(error: Exception) -> str:
    if isinstance(error, psycopg.Error | OSError):
        return f"the database does not answer: {type(error).__name__}"
    return f"the list of keys could not be read: {type(error).__name__}: {error}"


def _entries(known: list[list[Any]]) -> dict[bytes, _Entry]:
    """Read entries from [hash in hexadecimal, the caller's id, name, role, until or None] of each secret."""
    found = {}
    for sha256, identity, name, role, until in known:
        key = bytes.fromhex(sha256)
        found[key] = _Entry(
            key,
            Caller(identity, name, "user" if identity.startswith(USER) else "key", role),
            float("inf") if until is None else until,
        )
    return found
