"""Where answers are put down to be recorded: any thread puts them in without waiting, the journal's own takes them out."""

import threading
import time
from collections.abc import Callable
from typing import Protocol

from closecast.platform.journal.entry import Entry
from closecast.platform.journal.stream import Encoded

_DEAL_BYTES = 1_000  # what a deal counts for: about what it takes in memory


class Draft(Protocol):
    """What an entry will be made of, later and on another thread: of values that never change."""

    def entry(self) -> Entry: ...

    def __len__(self) -> int:
        """Number of deals."""
        ...


class Journal(Protocol):
    """Where answers are written down: accepts one, or raises because there is no room for it and none came in `timeout_s`."""

    def append(self, draft: Encoded | Draft, timeout_s: float = 0.0) -> None: ...


class JournalFullError(RuntimeError):
    """Neither the stream nor the spool takes entries, and memory for them is used up: nothing more may be answered."""


class Inbox:
    """Drafts up to about `max_bytes`; `filled` is called when the first one comes. `why` tells what keeps them here."""

    def __init__(self, max_bytes: int, filled: Callable[[], None], why: Callable[[], str]) -> None:
        self._max_deals = max_bytes // _DEAL_BYTES
        self._filled, self._why = filled, why
        self._lock = threading.Lock()  # of all that follow
        self._room = threading.Condition(self._lock)
        self._drafts: list[Encoded | Draft] = []
        self._since = 0.0
        self._closed = False
        self.deals = 0  # in the drafts, and in those that were taken and are not packed yet
        self._taken = 0  # of these, deals in the latter
        self.refused = 0

    @property
    def bytes(self) -> int:
        """About what the drafts take in memory."""
        return self.deals * _DEAL_BYTES

    @property
    def since(self) -> float | None:
        """When the oldest draft came, in seconds since 1970; None without one."""
        return self._since if self._drafts else None

    def __len__(self) -> int:
        """Number of drafts."""
        return len(self._drafts)

    def append(self, draft: Encoded | Draft, timeout_s: float = 0.0) -> None:
        """Accept `draft`, whole or not at all. Raises JournalFullError when there is no room, not even after `timeout_s`."""
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
        """All drafts; they count until `packed` is called."""
        with self._lock:
            taken, self._drafts, self._taken = self._drafts, [], self.deals
        return taken

    def packed(self) -> None:
        """What was taken is somebody else's now."""
        with self._lock:
            self.deals, self._taken = self.deals - self._taken, 0
            self._room.notify_all()

    def close(self) -> None:
        """Accept nothing more."""
        with self._lock:
            self._closed = True
            self._room.notify_all()
