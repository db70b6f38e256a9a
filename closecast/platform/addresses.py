"""Where a service is now, asked anew at each connection: from a file that Nomad keeps current, else from the environment.

A variable of a running process never changes, and restarting the process for a moved neighbour would drop what it holds
in memory. So the job writes its neighbours' addresses, as `NAME=value` lines, to the file that CLOSECAST_ADDRESSES names.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

Address = Callable[[], str | None]  # None while the service has never been seen


def address(environment: Mapping[str, str], name: str) -> Address | None:
    """Where `name` (such as CLOSECAST_DATABASE_URL) is to be had; None when this process is not meant to use it."""
    file, fixed = environment.get("CLOSECAST_ADDRESSES"), environment.get(name) or None
    if file:
        return _FromFile(Path(file), name, fixed)
    return (lambda: fixed) if fixed else None


class _FromFile:
    """The last value that the file held: a service that restarts is unlisted for a moment, and mostly comes back there."""

    def __init__(self, file: Path, name: str, known: str | None) -> None:
        self._file = file
        self._prefix = f"{name}="
        self._known = known

    def __call__(self) -> str | None:
        try:
            lines = self._file.read_text().splitlines()
        except FileNotFoundError:
            lines = []
        for line in lines:
            if line.startswith(self._prefix) and line != self._prefix:
                self._known = line.removeprefix(self._prefix)
        return self._known
