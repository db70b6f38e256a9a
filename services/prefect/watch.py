"""Monitor Prefect's background services:

Prefect's own health page answers "true" even if its scheduler always fails.
"""

import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import Any

# A service is late when it has not started for twice its interval plus this, to tolerate a busy machine.
_LATE_SECONDS = 60.0
_FAILURES = 2
# Endless services go on after an error and only log it.
_COMPLAINTS, _COMPLAINTS_SECONDS = 3, 120.0


@dataclass
class Service:
    """A service that runs every `every` seconds; times are those of `clock`."""

    name: str
    every: float
    begun: float
    failures: int = 0
    reason: str = ""


class Watch:
    """Records each run of periodic services, and the end of endless ones.

    `ended` is called once for each endless service that ends.
    """

    def __init__(self, ended: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._ended = ended
        self._clock = clock
        self._repeated: dict[str, Service] = {}
        self._over: dict[str, str] = {}
        self._complaints: deque[tuple[float, str]] = deque(maxlen=_COMPLAINTS)
        self._stops = False

    def repeated(self, function: Callable[..., Awaitable[None]], every: float) -> Callable[..., Awaitable[None]]:
        """Wrap a periodic service's function, which is due every `every` seconds."""
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
        """Wrap an endless service's `start`, which returns or raises only on a stop or a failure."""

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
        """Wrap `stop`: services that end after it were stopped."""

        @wraps(stop)
        async def observed(*arguments: Any, **named: Any) -> None:
            self._stops = True
            await stop(*arguments, **named)

        return observed

    def handler(self) -> logging.Handler:
        """A log handler for the services: repeated errors are a problem."""
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
        """The problems, one sentence each; empty while all services run."""
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
        """The content of the health page."""
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
    """One line of an error: a database's error has the whole statement, which contains users' data."""
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:200]}"
