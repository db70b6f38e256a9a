"""Prints what an operator's command is doing, step by step, with elapsed times."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

# A command replaces itself by the environment's Python midway; its clock goes on.
_STARTED = "CLOSECAST_STARTED"


def started() -> float:
    """Wall-clock second (Unix time) at which the command the operator typed began."""
    return float(os.environ.setdefault(_STARTED, repr(time.time())))


def say(text: str) -> None:
    """Print one line of progress behind the command's elapsed time."""
    print(f"{time.time() - started():6.1f}s  {text}", flush=True)


@contextmanager
def step(title: str) -> Iterator[None]:
    """Announce a step, and say how long it took when it ends; a failure is announced and passed on."""
    begin = time.monotonic()
    if sys.stdout.isatty():
        print(f"{time.time() - started():6.1f}s  {title} …", end="\r", flush=True)
    try:
        yield
    except BaseException:
        say(f"✗ {title}")
        raise
    say(f"✓ {title} ({time.monotonic() - begin:.1f} s)")
