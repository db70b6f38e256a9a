"""An outbox for the audit log: acts are kept as files until the database has them.

It is for acts that cannot be repeated, such as a promotion that was seen. Each act is one file, written before `put`
returns; a thread moves them into the log, oldest first. An act that was moved just before a crash is moved again, which
changes nothing, because its id is logged already.
"""

import json
import logging
import os
import time
import uuid
from pathlib import Path
from typing import Any

import psycopg

from closecast.platform.callers import audit
from closecast.platform.database import connect, migrate
from closecast.platform.nomad.addresses import Address
from closecast.platform.runtime.background import BackgroundWorker

_LOG = logging.getLogger(__name__)

_RETRY_SECONDS = 2.0


class Outbox:
    """The acts waiting in `folder` for the audit log in the database at `address`; instances may share a folder."""

    def __init__(self, address: Address, folder: Path) -> None:
        self._address, self._folder = address, folder
        self._worker = BackgroundWorker(
            "audit", self._move, self._report, retry_seconds=_RETRY_SECONDS, describe=_described
        )

    def put(self, actor: str, act: str, subject: str, details: dict[str, Any]) -> None:
        """Store the act on disk, synced. Raises OSError. Not for the request path: it waits for the disk."""
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"{time.time_ns():020d}-{uuid.uuid4()}"
        content = json.dumps({"actor": actor, "act": act, "subject": subject, "details": details})
        partial = self._folder / f".{name}"
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as out:
            out.write(content)
            out.flush()
            os.fsync(descriptor)
        partial.rename(self._folder / f"{name}.json")
        self._worker.wake()

    @property
    def waiting(self) -> int:
        """Number of acts that are not in the log yet."""
        return len(self._files())

    def start(self) -> None:
        """Start moving acts, those of earlier runs first."""
        self._worker.start()

    def stop(self) -> None:
        """Stop the thread; waiting acts are moved after the next start."""
        self._worker.stop()

    def _move(self) -> float:
        files = self._files()
        url = self._address() if files else None
        if url is None:
            return _RETRY_SECONDS
        migrate(url)
        with connect(url) as connection:
            for file in files:
                try:
                    kept = json.loads(file.read_text())
                except FileNotFoundError:
                    continue  # another instance was faster
                event_id = uuid.UUID(file.stem.split("-", 1)[1])
                head = audit.append(connection, **kept, event_id=event_id)
                file.unlink(missing_ok=True)
                if head is not None:
                    _LOG.info(
                        "audit",
                        extra={
                            "act": kept["act"],
                            "subject": kept["subject"],
                            "seq": head.seq,
                            "seal": head.sha256.hex(),
                        },
                    )
        self._worker.settle()
        return _RETRY_SECONDS

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("*.json"))

    def _report(self, problem: str) -> None:
        _LOG.error("audit", extra={"waiting": self.waiting, "problem": problem})


def _described(error: Exception) -> str:
    if isinstance(error, psycopg.Error | OSError):
        return f"the audit log cannot be written: {type(error).__name__}"
    return f"acts cannot be moved to the audit log: {type(error).__name__}: {error}"
