"""How work that can wait lets others run first."""

import ctypes

# `os.sched_yield` keeps the interpreter's lock meanwhile (until Python 3.13), for which the others may wait; this does not.
_sched_yield = ctypes.CDLL(None).sched_yield


def give_way() -> None:
    """Let other threads have the interpreter's lock, and the processor.

    To be called after waiting for something and now and then in long work. Linux's scheduler (EEVDF) owes a turn to who
    wakes, however unimportant; nobody interrupts that turn before the next tick, up to 4 ms later, unless it is given back.
    """
    _sched_yield()
