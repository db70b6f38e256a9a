"""Retry calls that failed because a server was away, with growing pauses, for a bounded time."""

import time
from collections.abc import Callable
from typing import TypeVar

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0  # seconds, doubled from one to the next
_T = TypeVar("_T")


class AwayError(RuntimeError):
    """A server does not answer: a later attempt may succeed."""


def retry(
    call: Callable[[], _T],
    seconds: float,
    report: Callable[[str], None],
    away: tuple[type[Exception], ...] = (AwayError,),
    lasting: tuple[type[Exception], ...] = (),
) -> _T:
    """Call `call`, and repeat it while it raises an error of `away` that is not of `lasting`, for up to `seconds`.

    `report` gets one line before the first retry. Other errors are raised at once, the last error of `away` when the
    time is over.
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
