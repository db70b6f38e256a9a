"""Serialise promotions with a lock in PostgreSQL: one process at a time compares with the champion and moves the alias.

Each move is written to the audit log, or is not done.
"""

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import psycopg

from closecast.platform.database import connect
from closecast.platform.mlflow import champions
from closecast.platform.mlflow.champions import Change
from closecast.platform.mlflow.registry import Identity, ModelRegistry, RegistryError

_LOG = logging.getLogger(__name__)

WAIT_SECONDS = 600.0  # a promotion takes seconds; several trainings may end at once
VARIABLE = "CLOSECAST_PROMOTION_LOCK_URL"  # URL of the database, for processes that promote
_LOCK = 0x63686D70  # any number that no other user of this database locks
# Each end notices within half a minute that the other machine has vanished; then the lock is free.
_ENDS = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 4}
_VANISHED_MS = 30_000
_HOLDER = """
    SELECT coalesce(nullif(application_name, ''), 'session ' || pid) FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND granted AND classid = 0 AND objid = %s AND objsubid = 1
    AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class PromotionError(RegistryError):
    """The promotion lock cannot be acquired, or was lost."""


class PromotionLock:
    """The right to move the alias, while `hold_promotion_lock` lasts."""

    def __init__(self, connection: "psycopg.Connection[tuple[object, ...]]", by: str) -> None:
        self._connection, self._by = connection, by

    def promote(
        self, registry: ModelRegistry, model: Identity, expected: Identity | None, change: Change | None = None
    ) -> bool:
        """Make `model` champion if the champion is still `expected` (None: there was none); else change nothing.

        Returns whether it did. `change` is what the audit log is told. Raises PromotionError when the lock has been
        lost, the audit log cannot be written, or `model` is no longer what its version's number says; RegistryError
        when the registry is away. MLflow's own users can move the alias without the lock: a move in the milliseconds
        between check and promotion is overwritten.
        """
        if registry.identity(model.version) != model:
            raise PromotionError(f"{model} cannot be promoted: the registry has another model under that number now")
        self._check()
        if registry.champion_identity() != expected:
            return False
        registry.promote(model.version)
        change = change or Change()
        try:
            head = champions.log_change(self._connection, self._by, model, expected, change)
        except psycopg.Error as error:
            # It is done: reporting a failure would have it done again. Instances of the API log what they see.
            problem = f"{model} is champion, and the audit log lacks it: {_reason(error)}"
            _LOG.error("promotion", extra={"problem": problem})
        else:
            facts = {"act": change.act, "subject": champions.subject_of(model), "seq": head.seq}
            _LOG.info("audit", extra={**facts, "seal": head.sha256.hex()})
        return True

    def _check(self) -> None:
        """Raise PromotionError when the lock is lost, as when the database restarts, or the audit log cannot be written."""
        try:
            held = self._connection.execute(
                "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid() AND objid = %s",
                [_LOCK],
            ).fetchone()
            may_log = champions.may_log(self._connection)
        except psycopg.Error as error:
            raise PromotionError(f"the lock of promotions was lost with its connection: {_reason(error)}") from error
        if held is None:
            raise PromotionError("the lock of promotions was lost: nothing was promoted")
        if not may_log:
            raise PromotionError(
                "the audit log cannot be written by this role, so nothing was promoted: the database lacks a migration, "
                "which the API and the journal make when they start"
            )


@contextmanager
def hold_promotion_lock(url: str, by: str, seconds: float = WAIT_SECONDS) -> Iterator[PromotionLock]:
    """Acquire the promotion lock, waiting up to `seconds`, and hold it until the end of the block.

    `url` is the database's, postgresql://…; its role only needs to connect, and to log. `by` names the holder in the audit
    log, and to others that time out. The lock ends with its holder, however that ends. Raises PromotionError.
    """
    with closing(_locked(url, by, seconds)) as connection:
        yield PromotionLock(connection, by)


def _locked(url: str, by: str, seconds: float) -> "psycopg.Connection[tuple[object, ...]]":
    try:
        connection = connect(url, **_ENDS, tcp_user_timeout=_VANISHED_MS)
    except psycopg.Error as error:
        raise PromotionError(f"the database that holds the lock of promotions is away: {_reason(error)}") from error
    try:
        _acquire(connection, by, seconds)
    except psycopg.Error as error:
        connection.close()
        raise PromotionError(f"the lock of promotions cannot be had: {_reason(error)}") from error
    except BaseException:
        connection.close()
        raise
    return connection


def _acquire(connection: "psycopg.Connection[tuple[object, ...]]", by: str, seconds: float) -> None:
    theirs = {f"tcp_{name}": value for name, value in _ENDS.items()}
    settings = {**theirs, "tcp_user_timeout": _VANISHED_MS, "lock_timeout": max(1, round(seconds * 1_000))}
    for name, value in settings.items():
        connection.execute("SELECT set_config(%s, %s, false)", [name, str(value)])
    try:
        connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
    except psycopg.errors.LockNotAvailable as error:
        holder = connection.execute(_HOLDER, [_LOCK]).fetchone()
        who = "another session" if holder is None else str(holder[0])
        raise PromotionError(
            f"another promotion did not end within {seconds:.0f} s ({who}): end that one if it hangs, then train again"
        ) from error
    # PostgreSQL keeps at most 63 bytes.
    connection.execute(
        "SELECT set_config('application_name', %s, false)", [f"since {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}, {by}"]
    )


def _reason(error: psycopg.Error) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
