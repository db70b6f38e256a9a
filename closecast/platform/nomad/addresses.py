"""Where a service is now, asked anew at each connection: from a file that Nomad keeps current, else from the environment.

A variable of a running process never changes, and restarting the process for a moved neighbour would drop what it holds
in memory. So the job writes its neighbours' addresses, as `NAME=value` lines, to the file that CLOSECAST_ADDRESSES names.
The file holds no secret: `$NAME` in an address is that variable of the environment.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from string import Template

from closecast.platform.settings import SettingsError

Address = Callable[[], str | None]  # None while the service has never been seen


def address(environment: Mapping[str, str], name: str) -> Address | None:
    """Where `name` (such as CLOSECAST_DATABASE_URL) is to be had; None when this process is not meant to use it."""
    file, fixed = environment.get("CLOSECAST_ADDRESSES"), environment.get(name) or None
    if file:
        return _FromFile(Path(file), name, fixed, environment)
    return (lambda: fixed) if fixed else None


class _FromFile:
    """The last value that the file held: a service that restarts is unlisted for a moment, and mostly comes back there."""

    def __init__(self, file: Path, name: str, known: str | None, environment: Mapping[str, str]) -> None:
        self._file, self._environment = file, environment
        self._prefix = f"{name}="
        self._known = known

    def __call__(self) -> str | None:
        """Raises SettingsError where the address names a variable that is not set."""
        try:
            lines = self._file.read_text().splitlines()
        except FileNotFoundError:
            lines = []
        for line in lines:
            if line.startswith(self._prefix) and line != self._prefix:
                self._known = self._whole(line.removeprefix(self._prefix))
        return self._known

    def _whole(self, value: str) -> str:
        try:
            return Template(value).substitute(self._environment)
        except (KeyError, ValueError) as error:
            raise SettingsError(
                f"{self._prefix[:-1]} in {self._file} names a variable that is not set: {error}; expected it in the environment"
            ) from error
