"""Consume messages from the stream into PostgreSQL: they are acknowledged once stored, and retried until then."""

import logging
import threading
import time
from collections.abc import Sequence
from typing import Any

import psycopg
import redis

from closecast.platform.cache import client
from closecast.platform.database import connect, migrate
from closecast.platform.journal import store
from closecast.platform.journal.entry import Entry
from closecast.platform.journal.stream import DEAD, FIELD, GROUP, STREAM, MessageError, make_group, unpack
from closecast.platform.settings import CacheSettings, DatabaseSettings
from services.journal.set_aside import bring_back
from services.journal.status import JournalStatus

_LOG = logging.getLogger(__name__)

_AT_ONCE = 50  # messages, of 200 predictions at most each
_BLOCK_MS = 500
_GATHER_SECONDS = 0.2  # between two transactions, unless the stream has a full batch
_CLAIM_SECONDS = 10.0
_ABANDONED_MS = 30_000  # after which another consumer's message is taken over
_LONGEST_RETRY_S = 5.0
_UNFIT = (psycopg.DataError, psycopg.IntegrityError, ValueError, TypeError, OverflowError)

Message = tuple[bytes, dict[bytes, bytes]]


class Consumer:
    """A consumer of the stream's group, named `name`. `run` is its loop; nothing else uses its connections."""

    def __init__(
        self, cache: CacheSettings, database: DatabaseSettings, name: str, journal_status: JournalStatus
    ) -> None:
        self._cache: Any = client(cache.url, answer_seconds=10, connect_seconds=2, protocol=2)
        self._database = database
        self._connection: store.Connection | None = None
        self._name = name
        self._status = journal_status
        self._has_group = False
        self._has_brought_back = False
        # First, messages that an earlier process read and did not acknowledge; also after every failure.
        self._resuming = True
        self._claimed = 0.0

    def run(self, stop: threading.Event) -> None:
        """Work until `stop`, through all outages."""
        failures = 0
        while not stop.is_set():
            try:
                full = self.turn()
                failures = 0
                pause = 0.0 if full else _GATHER_SECONDS
            except (redis.RedisError, psycopg.Error, OSError) as error:
                part = "database" if isinstance(error, psycopg.Error) else "cache"
                self._fail(part, str(error).strip() or type(error).__name__)
                failures += 1
                pause = min(_LONGEST_RETRY_S, _GATHER_SECONDS * 2**failures)
            stop.wait(pause)
        self._close()
        self._cache.close()

    def turn(self) -> bool:
        """Store one batch of messages; returns whether the stream may have more now. Raises the servers' errors."""
        self._prepare()
        try:
            self._take_over()
            messages = self._read()
        except redis.ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
            self._has_group = False  # the cache was restarted empty
            return True
        if messages:
            self._settle(messages, self._store(messages))
        elif self._resuming:
            self._resuming = False
            return True
        return len(messages) == _AT_ONCE

    def _prepare(self) -> None:
        """Set up connections, tables and group, and update the stream's figures."""
        if not self._has_group:
            make_group(self._cache)
            self._has_group = True
        if not self._has_brought_back:
            if count := bring_back(self._cache):
                _LOG.info("%d messages that were set aside are tried once more", count)
            self._has_brought_back = True
        first = self._cache.xrange(STREAM, count=1)
        made = int(first[0][0].split(b"-")[0]) / 1000 if first else None
        self._status.length.set(self._cache.xlen(STREAM))
        self._status.oldest.set(0 if made is None else max(0.0, time.time() - made))
        self._status.dead.set(self._cache.xlen(DEAD))
        self._status.set("cache", None)
        if self._connection is None:
            migrate(self._database.url)
            self._connection = connect(self._database.url)
            self._status.set("database", None)

    def _take_over(self) -> None:
        """Take over messages that another consumer read long ago and never acknowledged."""
        if time.monotonic() - self._claimed < _CLAIM_SECONDS:
            return
        self._claimed = time.monotonic()
        answer = self._cache.xautoclaim(STREAM, GROUP, self._name, _ABANDONED_MS, count=_AT_ONCE, justid=True)
        self._resuming |= bool(answer)

    def _read(self) -> list[Message]:
        begin = "0" if self._resuming else ">"
        answer = self._cache.xreadgroup(GROUP, self._name, {STREAM: begin}, count=_AT_ONCE, block=_BLOCK_MS)
        return list(answer[0][1]) if answer else []

    def _store(self, messages: Sequence[Message]) -> dict[bytes, str]:
        """Store messages in PostgreSQL; returns the reasons why some cannot be stored, by message id."""
        unfit: dict[bytes, str] = {}
        by_message: dict[bytes, list[Entry]] = {}
        for identifier, fields in messages:
            if not fields:
                continue  # stored and deleted by an earlier process; only the acknowledgement was lost
            try:
                by_message[identifier] = unpack(fields.get(FIELD, b""))
            except MessageError as error:
                unfit[identifier] = str(error)
        if not by_message:
            return unfit
        try:
            self._insert([entry for entries in by_message.values() for entry in entries])
        except _UNFIT:
            # One of them is invalid: try each alone, so that the others are stored.
            for identifier, entries in by_message.items():
                try:
                    self._insert(entries)
                except _UNFIT as error:
                    unfit[identifier] = f"{type(error).__name__}: {str(error).strip()}"
        return unfit

    def _insert(self, entries: list[Entry]) -> None:
        assert self._connection is not None
        new = store.insert(self._connection, entries)
        self._status.stored.inc(new)
        self._status.duplicates.inc(sum(map(len, entries)) - new)

    def _settle(self, messages: Sequence[Message], unfit: dict[bytes, str]) -> None:
        """Acknowledge and delete messages, and set aside those that could not be stored, in one transaction."""
        identifiers = [identifier for identifier, _ in messages]
        with self._cache.pipeline(transaction=True) as steps:
            for identifier, fields in messages:
                if identifier in unfit:
                    steps.xadd(DEAD, {**fields, b"id": identifier, b"reason": unfit[identifier].encode()})
            steps.xack(STREAM, GROUP, *identifiers)
            steps.xdel(STREAM, *identifiers)
            steps.execute()
        for identifier, reason in unfit.items():
            self._status.refused.inc()
            _LOG.warning("message %s is set aside in %s: %s", identifier.decode(), DEAD, reason)

    def _fail(self, part: str, problem: str) -> None:
        self._status.set(part, problem)
        self._resuming, self._has_group = True, self._has_group and part != "cache"
        self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None
