"""Waits for what other threads and processes do: for as long as that takes beside busy neighbours."""

import time
from collections.abc import Callable

PATIENCE = 60.0  # seconds; a bound against waiting for ever, and no measure of anything
SOON = (
    20.0  # seconds; for what takes one or two where nobody else wants the cores, and would take minutes by another way
)


def until(condition: Callable[[], object], seconds: float = PATIENCE, told: Callable[[], object] = lambda: "") -> float:
    """Seconds until `condition` held. Raises AssertionError, with what `told` says, if it did not within `seconds`."""
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < seconds, f"it did not come true within {seconds:g} s {told()}"
        time.sleep(0.01)
    return time.monotonic() - begin
