"""Switch to a service's account and exec the service: `python -I services/launch.py <account> <module or script> …`.

Nomad starts tasks as the user of its agent. Its own option for another account (`user`) keeps the group root, and
leaves the task's folder readable by every account. This launcher closes the folder, gives up the groups and all ways
back to root, and replaces the process, so nothing keeps running as root. It uses only the standard library, and imports
nothing from the working directory (-I), which a service may have written to.
"""

import ctypes
import os
import pwd
import sys
from collections.abc import Mapping
from typing import NoReturn

_PR_SET_NO_NEW_PRIVS = 38
_FOLDERS = (".", "local", "secrets", "tmp")  # of a task
_OF_ROOT = ("TMPDIR", "USER", "LOGNAME", "MAIL", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")


class LaunchError(RuntimeError):
    """The service cannot be started under the requested account."""


def become(account: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Close the task's folder and switch from root to `account`; returns the new environment.

    Raises LaunchError when the account is root or does not exist.
    """
    if os.geteuid() != 0:
        return dict(environment)
    try:
        entry = pwd.getpwnam(account)
    except KeyError as error:
        raise LaunchError(f"there is no account {account!r}: run `just up`, which makes it") from error
    if entry.pw_uid == 0:
        raise LaunchError(f"the account {account} is root, and no service runs as root")
    home = environment.get("NOMAD_TASK_DIR", "/")
    if "NOMAD_TASK_DIR" in environment:
        _close(os.path.dirname(home), entry)  # noqa: PTH120 - pathlib costs a start 10 ms
    os.setgroups([])
    os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
    os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise LaunchError(f"the kernel does not take back the right to gain rights: {os.strerror(ctypes.get_errno())}")
    os.umask(0o077)
    kept = {name: value for name, value in environment.items() if name not in _OF_ROOT}
    return {**kept, "HOME": home, "USER": account}


def _close(folder: str, entry: pwd.struct_passwd) -> None:
    """Make the account the only owner of the task's folders, by descriptors: a link that a service put there is refused."""
    for name in _FOLDERS:
        try:
            descriptor = os.open(os.path.join(folder, name), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)  # noqa: PTH118
        except FileNotFoundError:
            continue
        except OSError as error:
            raise LaunchError(f"{name} in the task's folder is not a folder: {error.strerror}") from error
        try:
            os.fchown(descriptor, entry.pw_uid, entry.pw_gid)
            os.fchmod(descriptor, 0o700)
        finally:
            os.close(descriptor)


def command(what: str, arguments: list[str]) -> list[str]:
    """The command line for a module's name or a script's path, without imports from the working directory."""
    how = [what] if what.endswith(".py") else ["-m", what]
    return [sys.executable, "-P", *how, *arguments]


def main(arguments: list[str]) -> NoReturn:
    if len(arguments) < 2:
        sys.exit("launch: expected an account and a module")
    account, what, *rest = arguments
    try:
        environment = become(account, os.environ)
    except LaunchError as error:
        sys.exit(f"{what}: {error}")
    os.execve(sys.executable, command(what, rest), environment)


if __name__ == "__main__":
    main(sys.argv[1:])
