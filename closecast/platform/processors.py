"""How many processors this process may use."""

import os


def usable() -> int:
    """Those that it is bound to where the system binds processes, else all of the machine; 1 or more."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
