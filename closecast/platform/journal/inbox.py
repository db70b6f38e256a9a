"""The queue of predictions to record: any thread adds without waiting, the journal's thread takes them out."""

import threading
import time
from collections.abc import Callable
from typing import Protocol

from closecast.platform.journal.entry import Entry
from closecast.platform.journal.stream import Encoded

_DEAL_BYTES = 1_000  # estimated memory of a deal


class Draft(Protocol):
    """An entry that is made later on another thread, from immutable values."""

    def entry(self) -> Entry: ...

    def __len__(self) -> int:
        """Number of deals."""
        ...


class Journal(Protocol):
    """Accepts predictions to record, or raises when there is no room within `timeout_s`."""

    def append(self, draft: Encoded | Draft, timeout_s: float = 0.0) -> None: ...


class JournalFullError(RuntimeError):
    """Stream, spool and memory are full: no more predictions may be answered."""


class Inbox:
    """Holds drafts up to about `max_bytes`; `filled` is called on the first one, `why` gives the reason for a full inbox."""

    def __init__(self, max_bytes: int, filled: Callable[[], None], why: Callable[[], str]) -> None:
        self._max_deals = max_bytes // _DEAL_BYTES
        self._filled, self._why = filled, why
        self._lock = threading.Lock()  # of all that follow
        self._room = threading.Condition(self._lock)
        self._drafts: list[Encoded | Draft] = []
        self._since = 0.0
        self._closed = False
        self.deals = 0  # in the drafts, and in those that were taken and are not packed yet
        self._taken = 0  # deals in drafts that were taken and are not packed yet
        self.refused = 0

    @property
    def bytes(self) -> int:
        """Estimated memory of the drafts."""
        return self.deals * _DEAL_BYTES

    @property
    def since(self) -> float | None:
        """The time of the oldest draft, in seconds since 1970; None without one."""
        return self._since if self._drafts else None

    def __len__(self) -> int:
        """Number of drafts."""
        return len(self._drafts)

    def append(self, draft: Encoded | Draft, timeout_s: float = 0.0) -> None:
        """Accept the whole `draft` or raise JournalFullError when there is no room within `timeout_s`."""
        count = len(draft)
        with self._lock:
            if timeout_s:
                self._room.wait_for(lambda: self._closed or self.deals < self._max_deals, timeout_s)
            if self._closed or self.deals >= self._max_deals:
                self.refused += 1
                raise JournalFullError(
                    "the service is stopping"
                    if self._closed
                    else f"{self.deals} predictions wait to be recorded: {self._why()}"
                )
            if not self._drafts:
                self._since = time.time()
                self._filled()
            self._drafts.append(draft)
            self.deals += count

    def take(self) -> list[Encoded | Draft]:
        """Take all drafts; they count as waiting until `packed` is called."""
        with self._lock:
            taken, self._drafts, self._taken = self._drafts, [], self.deals
        return taken

    def packed(self) -> None:
        """Stop counting the drafts that were taken."""
        with self._lock:
            self.deals, self._taken = self.deals - self._taken, 0
            self._room.notify_all()

    def close(self) -> None:
        """Accept nothing more."""
        with self._lock:
            self._closed = True
            self._room.notify_all()
