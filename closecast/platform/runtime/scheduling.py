"""CPU scheduling: let more urgent threads and processes run first."""

import ctypes
import os
from contextlib import suppress

# `os.sched_yield` keeps the interpreter's lock meanwhile (until Python 3.13), for which the others may wait; this does not.
_sched_yield = ctypes.CDLL(None).sched_yield
_is_idle = False


def run_when_idle() -> None:
    """Run this process only when no other wants to (SCHED_IDLE). Threads that it starts later inherit this.

    Raises OSError where the kernel or a sandbox does not support it.
    """
    global _is_idle
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    _is_idle = True


def yield_to_others() -> None:
    """Yield the interpreter's lock and the processor to other threads.

    Call it after waiting for something, and now and then in long work. Linux's scheduler (EEVDF) owes a turn to a
    thread that wakes, however unimportant; the turn lasts until the next tick, up to 4 ms, unless it is given back.
    """
    _sched_yield()
    if _is_idle:
        # A thread that waited for the lock has slept, and is owed a turn again.
        os.sched_yield()


def disable_preemption() -> None:
    """Schedule this thread, and those it starts, without preempting others on wake-up (SCHED_BATCH), with an equal share.

    A preempted thread does not always run next: it has had its share, and an idle process that is owed a turn of
    nanoseconds gets one that lasts until the next tick.
    """
    _set(os.SCHED_OTHER, os.SCHED_BATCH)


def enable_preemption() -> None:
    """Let this thread preempt others when it wakes, which is the default."""
    _set(os.SCHED_BATCH, os.SCHED_OTHER)


def _set(before: int, policy: int) -> None:
    if os.sched_getscheduler(0) == before:
        with suppress(OSError):  # not supported in some sandboxes
            os.sched_setscheduler(0, policy, os.sched_param(0))
