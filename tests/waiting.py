"""Waits for what other threads and processes do: for as long as that takes beside busy neighbours."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 60.0  # seconds; a bound against waiting for ever, and no measure of anything
# Seconds; for what takes one or two where nobody else wants the cores, and would take minutes by another way.
SOON = 20.0


def until(
    condition: Callable[[], object],
    seconds: float = PATIENCE,
    told: Callable[[], object] = lambda: "",
    pause: float = 0.01,
) -> float:
    """Seconds until `condition` held. Raises AssertionError, with what `told` says, if it did not within `seconds`."""
    begin = time.monotonic()
    awaited(condition, seconds, told, pause)
    return time.monotonic() - begin


def awaited(
    look: Callable[[], T | None],
    seconds: float = PATIENCE,
    told: Callable[[], object] = lambda: "",
    pause: float = 0.01,
) -> T:
    """What `look` finds, once it finds something; it looks every `pause` seconds. Raises AssertionError as `until` does."""
    begin = time.monotonic()
    while not (found := look()):
        assert time.monotonic() - begin < seconds, f"it did not come true within {seconds:g} s {told()}"
        time.sleep(pause)  # noqa: TID251 - this is where tests wait
    return found
