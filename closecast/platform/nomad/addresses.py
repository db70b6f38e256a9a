"""The current address of a service, read for each connection: from a file that Nomad updates, else from the environment.

A variable of a running process never changes, and restarting the process when another service moves would drop what it
holds in memory. So the job writes the other services' addresses, as `NAME=value` lines, to the file that
CLOSECAST_ADDRESSES names. The file holds no secret: `$NAME` in an address is that variable of the environment.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from string import Template

from closecast.platform.settings import SettingsError

Address = Callable[[], str | None]  # None while the service has never been seen


def address(environment: Mapping[str, str], name: str) -> Address | None:
    """A reader of the address `name` (such as CLOSECAST_DATABASE_URL); None when this process does not use it."""
    file, fixed = environment.get("CLOSECAST_ADDRESSES"), environment.get(name) or None
    if file:
        return _FromFile(Path(file), name, fixed, environment)
    return (lambda: fixed) if fixed else None


class _FromFile:
    """The last value in the file: a restarting service is unlisted for a moment, and mostly comes back at the same address."""

    def __init__(self, file: Path, name: str, known: str | None, environment: Mapping[str, str]) -> None:
        self._file, self._environment = file, environment
        self._prefix = f"{name}="
        self._known = known

    def __call__(self) -> str | None:
        """Return the address. Raises SettingsError when it names a variable that is not set."""
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
