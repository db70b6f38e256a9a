"""Sign-ins, which anybody may ask for: few are looked at at a time, one where it is a password, and few wait."""

from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread

from closecast.platform.callers.sessions import SessionStore
from services.api.problems import UnavailableError

_MOST = 16  # looked at and waiting; at 25 ms each the last waits for less than a second
_Found = TypeVar("_Found")


class SignIns:
    """Runs what signs people in. A password costs 25 ms of processor time and 19 MiB, which many must not multiply."""

    def __init__(self, sessions: SessionStore, at_once: int = 1) -> None:
        self.sessions, self._at_once = sessions, at_once
        self._limiter: anyio.CapacityLimiter | None = None  # made on the event loop
        self._asked = 0

    async def run(self, act: Callable[[], _Found]) -> _Found:
        """Run `act` on a thread, `at_once` at a time. Raises UnavailableError when too many wait, and what `act` raises."""
        if self._asked >= _MOST:
            raise UnavailableError("too many people sign in at once; try again in a moment")
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(self._at_once)
        self._asked += 1
        try:
            return await anyio.to_thread.run_sync(act, limiter=self._limiter)
        finally:
            self._asked -= 1
