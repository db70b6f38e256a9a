"""The accounts that services run as where `up` is run by root: one for each kind, so that a hole in one is no hole in the others.

Where `up` is run by anybody else, everything runs as that user, and there is nothing here to be done.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ops import paths
from ops.errors import OperatorError

# Each kind, and the folders of the platform's data that are its own.
FOLDERS: dict[str, tuple[str, ...]] = {
    "postgres": ("postgres",),
    "cache": ("cache",),
    "objects": ("localstack", "mirror", "terraform"),
    "mlflow": (),
    "prefect": ("prefect",),
    "worker": ("worker",),
    "batch": ("batch",),
    "journal": (),
    "api": ("models",),
    "ui": (),
    "gateway": ("gateway",),
}
_CLOSED = 0o700


def wanted() -> bool:
    """Whether services get accounts of their own here."""
    return os.geteuid() == 0


def name(kind: str) -> str:
    """The account of `kind`, of this clone's platform alone; an empty string where services run as the user who calls."""
    return f"{group()}-{kind}" if wanted() else ""


def group() -> str:
    """The group of all of them. It opens the way to their folders, and none of these."""
    return f"closecast-{hashlib.sha256(str(paths.state()).encode()).hexdigest()[:6]}"


def meta() -> dict[str, str]:
    """What job files know of the accounts: `account_<kind>`."""
    return {f"account_{kind}": name(kind) for kind in FOLDERS}


def ensure() -> None:
    """Make the accounts and folders that are missing, and give each folder to its account. Raises OperatorError."""
    if not wanted():
        return
    if not _exists(group(), "group"):
        _run("groupadd", "--system", group())
    for kind in FOLDERS:
        if not _exists(name(kind), "passwd"):
            _run(
                "useradd",
                "--system",
                "--no-create-home",
                "--home-dir",
                "/nonexistent",
                "--no-user-group",
                "--gid",
                group(),
                "--shell",
                "/usr/sbin/nologin",
                name(kind),
            )
    state = paths.state()
    state.chmod(0o711)
    # The way to the folders of their tasks, each of which is open to one account.
    for folder in (state / "nomad", state / "nomad" / "data"):
        folder.mkdir(exist_ok=True)
        shutil.chown(folder, "root", group())
        folder.chmod(0o710)
    for kind, names in FOLDERS.items():
        for one in names:
            (state / one).mkdir(mode=_CLOSED, exist_ok=True)
            give(state / one, kind)


def give(folder: Path, kind: str, whole: bool = False) -> None:
    """Give `folder` to the account of `kind`, and close it to everybody else: with all in it where it is another's, or `whole`.

    Changes nothing where there are no accounts.
    """
    if not wanted():
        return
    entry = pwd.getpwnam(name(kind))
    if whole or folder.stat().st_uid != entry.pw_uid:
        for path in _below(folder):
            os.chown(path, entry.pw_uid, entry.pw_gid, follow_symlinks=False)
        # Last, so that an interrupted change of hands is begun again.
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    folder.chmod(_CLOSED)


def folders_of_other_owners() -> list[str]:
    """Folders with data that belong to somebody other than their account, as those of an earlier version do."""
    if not wanted():
        return []
    found = []
    for kind, folders in FOLDERS.items():
        owner = pwd.getpwnam(name(kind)).pw_uid if _exists(name(kind), "passwd") else None
        kept = [paths.state() / one for one in folders if (paths.state() / one).exists()]
        found += [folder.name for folder in kept if folder.stat().st_uid != owner and any(folder.iterdir())]
    return found


def remove() -> None:
    """Remove the accounts and their group; their files are gone by then. Raises OperatorError."""
    if not wanted():
        return
    for kind in FOLDERS:
        if _exists(name(kind), "passwd"):
            _run("userdel", name(kind))
    if _exists(group(), "group"):
        _run("groupdel", group())


def _below(folder: Path) -> Iterator[Path]:
    for at, folders, files in os.walk(folder):
        for one in (*folders, *files):
            yield Path(at) / one


def _exists(name: str, database: str) -> bool:
    return any(line.startswith(f"{name}:") for line in Path("/etc", database).read_text().splitlines())


def _run(*command: str) -> None:
    if shutil.which(command[0]) is None:
        raise OperatorError(
            f"there is no {command[0]} here, which makes the accounts that services run as",
            "install it (Debian and Ubuntu: apt-get install passwd), or run Closecast as an ordinary user",
        )
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
    if done.returncode:
        raise OperatorError(
            f"`{' '.join(command)}` failed: {' '.join(done.stderr.split()) or done.returncode}",
            "mend that, or run Closecast as an ordinary user",
        )
