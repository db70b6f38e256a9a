"""Print the progress of an operator's command, step by step, with elapsed times."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

# A command may replace itself by the environment's Python; the start time is kept.
_STARTED = "CLOSECAST_STARTED"


def started() -> float:
    """The Unix time at which the operator's command began."""
    return float(os.environ.setdefault(_STARTED, repr(time.time())))


def say(text: str) -> None:
    """Print one line of progress after the command's elapsed time."""
    print(f"{time.time() - started():6.1f}s  {text}", flush=True)


@contextmanager
def step(title: str) -> Iterator[None]:
    """Announce a step, and print its duration at the end; a failure is announced and raised."""
    begin = time.monotonic()
    if sys.stdout.isatty():
        print(f"{time.time() - started():6.1f}s  {title} …", end="\r", flush=True)
    try:
        yield
    except BaseException:
        say(f"✗ {title}")
        raise
    say(f"✓ {title} ({time.monotonic() - begin:.1f} s)")
