"""Predict which open deals of a sales team will be won, and by when."""

import os
from typing import TYPE_CHECKING

# Before anything in this package can load LightGBM, which reads it once: threads that wait for each other then sleep.
# Spinning threads take the processors from those they wait for; beside other busy processes training took thirteen times
# as long. Every process that trains or scores imports this package first; a value that is already set is kept.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

__version__: str

if not TYPE_CHECKING:  # or a type checker would take every name for one of this package

    def __getattr__(name: str) -> str:
        """Find `__version__` when it is asked for: in a clone that asks git."""
        if name == "__version__":
            from closecast.version import current

            return current()
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
