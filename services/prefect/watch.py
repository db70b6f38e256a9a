"""What Prefect's background services did last: its own health page answers "true" while its scheduler fails every minute."""

import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import Any

# A service is late when it has not begun for twice its interval and this; a busy machine is no fault.
_LATE_SECONDS = 60.0
_FAILURES = 2
# Those that never end go on after an error and only write it down.
_COMPLAINTS, _COMPLAINTS_SECONDS = 3, 120.0


@dataclass
class Service:
    """One service that runs again and again, `every` so many seconds; times are those of `clock`."""

    name: str
    every: float
    begun: float
    failures: int = 0
    reason: str = ""


class Watch:
    """Takes note of each run of the services whose functions it wraps, and of the end of those that should never end.

    `ended` is called, once for each, when one that should never end does.
    """

    def __init__(self, ended: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._ended = ended
        self._clock = clock
        self._repeated: dict[str, Service] = {}
        self._over: dict[str, str] = {}
        self._complaints: deque[tuple[float, str]] = deque(maxlen=_COMPLAINTS)
        self._stops = False

    def repeated(self, function: Callable[..., Awaitable[None]], every: float) -> Callable[..., Awaitable[None]]:
        """`function`, observed: it is due again `every` so many seconds."""
        name = function.__name__
        service = self._repeated[name] = Service(name, every, self._clock())

        @wraps(function)
        async def observed(*arguments: Any, **named: Any) -> None:
            service.begun = self._clock()
            try:
                await function(*arguments, **named)
            except Exception as error:
                service.failures += 1
                service.reason = _in_short(error)
                raise
            service.failures = 0

        return observed

    def endless(self, name: str, start: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        """`start`, observed: it returns or raises only when the server is stopped, or when something is wrong."""

        @wraps(start)
        async def observed(*arguments: Any, **named: Any) -> None:
            try:
                await start(*arguments, **named)
            except Exception as error:
                self._note_end(name, _in_short(error))
                raise
            self._note_end(name, "it returned")

        return observed

    def stopped(self, stop: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        """`stop`, observed: what ends from then on was told to."""

        @wraps(stop)
        async def observed(*arguments: Any, **named: Any) -> None:
            self._stops = True
            await stop(*arguments, **named)

        return observed

    def handler(self) -> logging.Handler:
        """Takes the log of services: errors in it that come one after the other are a problem."""
        handler = logging.Handler(logging.ERROR)
        handler.emit = self._complain  # type: ignore[method-assign]
        return handler

    def _complain(self, record: logging.LogRecord) -> None:
        self._complaints.append((self._clock(), f"{record.name.rpartition('.')[2]}: {record.getMessage()[:200]}"))

    def _note_end(self, name: str, reason: str) -> None:
        if self._stops:
            return
        self._over[name] = reason
        self._ended(f"{name} has ended: {reason}")

    def problems(self) -> list[str]:
        """What is wrong, a sentence each; empty while all services run."""
        over = (f"{name} has ended: {reason}" for name, reason in self._over.items())
        return [*self._late_or_failing(), *over, *self._complained()]

    def _complained(self) -> Iterator[str]:
        if len(self._complaints) == _COMPLAINTS and self._clock() - self._complaints[0][0] < _COMPLAINTS_SECONDS:
            yield f"{_COMPLAINTS} errors within {_COMPLAINTS_SECONDS:.0f} s, the last of {self._complaints[-1][1]}"

    def _late_or_failing(self) -> Iterator[str]:
        now = self._clock()
        for one in self._repeated.values():
            silent = now - one.begun
            if one.failures >= _FAILURES:
                yield f"{one.name} failed the last {one.failures} times: {one.reason}"
            elif silent > 2 * one.every + _LATE_SECONDS:
                yield f"{one.name} is due every {one.every:.0f} s and has not run for {silent:.0f} s"

    def as_dict(self) -> dict[str, Any]:
        """What the health page shows."""
        now = self._clock()
        found = self.problems()
        return {
            "state": "failing" if found else "running",
            "problems": found,
            "services": {
                one.name: {"every_s": one.every, "seconds_ago": round(now - one.begun, 1), "failures": one.failures}
                for one in self._repeated.values()
            },
        }


def _in_short(error: BaseException) -> str:
    """One line: a database's error carries the whole statement, which holds the data of users."""
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:200]}"
