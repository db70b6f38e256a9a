"""Sign-ins, which anybody may ask for: one password is looked at at a time, and few wait."""

from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread

from closecast.platform.callers.sessions import SessionStore
from services.api.problems import UnavailableError

_MOST = 16  # looked at and waiting; at 25 ms each the last waits for less than a second
_Found = TypeVar("_Found")


class SignIns:
    """Runs what hashes passwords: 25 ms of processor time and 19 MiB each, which many at once must not multiply."""

    def __init__(self, sessions: SessionStore) -> None:
        self.sessions = sessions
        self._limiter: anyio.CapacityLimiter | None = None  # made on the event loop
        self._asked = 0

    async def run(self, act: Callable[[], _Found]) -> _Found:
        """Run `act` on a thread, one at a time. Raises UnavailableError when too many wait, and what `act` raises."""
        if self._asked >= _MOST:
            raise UnavailableError("too many people sign in at once; try again in a moment")
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(1)
        self._asked += 1
        try:
            return await anyio.to_thread.run_sync(act, limiter=self._limiter)
        finally:
            self._asked -= 1
