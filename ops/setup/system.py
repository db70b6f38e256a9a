"""The systems that Closecast supports.

It is checked first, so any Python 3 on any system must be able to run this file.
"""

import platform
import sys

from ops.errors import OperatorError

_MACHINES = ("x86_64", "aarch64")
_NAMES = {"darwin": "macOS", "win32": "Windows", "cygwin": "Cygwin"}
_VIRTUAL = "clone Closecast on the disk of a Linux virtual machine and run it there ({})"
_REMEDIES = {
    "darwin": _VIRTUAL.format("on a Mac: `brew install lima`, `limactl start`, `limactl shell default`"),
    "win32": _VIRTUAL.format("on Windows: `wsl --install` makes one"),
    "cygwin": _VIRTUAL.format("on Windows: `wsl --install` makes one"),
}


def require_supported() -> str:
    """Return the system's name and machine. Raises OperatorError when Closecast does not support it."""
    if sys.platform != "linux":
        raise OperatorError(
            f"{_NAMES.get(sys.platform, sys.platform)} is not supported; Closecast runs on Linux ({' or '.join(_MACHINES)})",
            _REMEDIES.get(sys.platform, "run it on a Linux machine, or in a Linux virtual machine"),
        )
    if platform.machine() not in _MACHINES:
        raise OperatorError(
            f"Linux on {platform.machine()} is not supported; Closecast runs on {' or '.join(_MACHINES)}",
            "run it on a machine with such processors, and with a 64-bit system",
        )
    return f"Linux {platform.machine()}"
