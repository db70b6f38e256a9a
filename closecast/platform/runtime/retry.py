"""Asks again what failed because a server was away: with growing pauses, for a bounded time."""

import time
from collections.abc import Callable
from typing import TypeVar

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0  # seconds, doubled from one to the next
_T = TypeVar("_T")


class AwayError(RuntimeError):
    """A server does not answer: the same question may succeed later."""


def retry(
    call: Callable[[], _T],
    seconds: float,
    report: Callable[[str], None],
    away: tuple[type[Exception], ...] = (AwayError,),
    lasting: tuple[type[Exception], ...] = (),
) -> _T:
    """What `call` returns, asked again while it fails by an error of the kind `away`, but not `lasting`, and `seconds` have not passed.

    `report` gets one line when the waiting begins. Raises what `call` raises: at once if it is no outage, and the last
    outage when the time is over.
    """
    begin, pause, waited = time.monotonic(), _FIRST_PAUSE, False
    while True:
        try:
            return call()
        except away as error:
            if isinstance(error, lasting) or time.monotonic() - begin + pause > seconds:
                raise
            if not waited:
                waited = True
                report(f"asked again for up to {seconds:.0f} s: {error}")
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
