"""The number of processors that this process may use."""

import os


def usable() -> int:
    """The number of processors in the process's affinity mask; 1 or more."""
    return len(os.sched_getaffinity(0))
