"""How many processors this process may use."""

import os


def usable() -> int:
    """Those that it is bound to; 1 or more."""
    return len(os.sched_getaffinity(0))
