"""How work that can wait lets others run first."""

import ctypes
import os
from contextlib import suppress

# `os.sched_yield` keeps the interpreter's lock meanwhile (until Python 3.13), for which the others may wait; this does not.
_sched_yield = ctypes.CDLL(None).sched_yield
_is_idle = False


def step_back() -> None:
    """Have this process run when no other wants to (SCHED_IDLE). Threads that it starts later do so too.

    Raises OSError where the kernel or its sandbox knows no such thing.
    """
    global _is_idle
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    _is_idle = True


def give_way() -> None:
    """Let other threads have the interpreter's lock, and the processor.

    To be called after waiting for something and now and then in long work. Linux's scheduler (EEVDF) owes a turn to who
    wakes, however unimportant; nobody interrupts that turn before the next tick, up to 4 ms later, unless it is given back.
    """
    _sched_yield()
    if _is_idle:
        # Who waited for the lock just now has slept for it, and is owed a turn again.
        os.sched_yield()


def interrupt_nobody() -> None:
    """Have this thread, and those that it starts, wait when they wake until whoever runs has done (SCHED_BATCH), for the same
    share of the processor.

    Whoever is interrupted does not always run next: it has had its share, and an idle process that is owed a turn of
    nanoseconds gets one that lasts until the next tick.
    """
    _set(os.SCHED_OTHER, os.SCHED_BATCH)


def interrupt_others() -> None:
    """Have this thread run at once when it wakes, as threads do that were told nothing else."""
    _set(os.SCHED_BATCH, os.SCHED_OTHER)


def _set(before: int, policy: int) -> None:
    if os.sched_getscheduler(0) == before:
        with suppress(OSError):  # in a sandbox that knows no such thing threads stay as they are
            os.sched_setscheduler(0, policy, os.sched_param(0))
