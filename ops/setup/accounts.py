"""The accounts of services when root runs `up`: one per kind of service, to isolate them from each other.

When another user runs `up`, everything runs as that user, and no accounts are made.
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

# Each kind, and its own folders of the platform's data.
FOLDERS: dict[str, tuple[str, ...]] = {
    "postgres": ("postgres",),
    "cache": ("cache",),
    "objects": ("localstack", "mirror", "terraform"),
    "mlflow": (),
    "prefect": ("prefect",),
    "worker": ("worker",),
    "batch": ("batch",),
    "journal": (),
    "shadow": (),
    "api": ("models",),
    "ui": (),
    "gateway": ("gateway",),
    "alerts": (),
    "alertmanager": ("alertmanager",),
    "prometheus": ("prometheus",),
}
_CLOSED = 0o700


def wanted() -> bool:
    """Whether services get their own accounts."""
    return os.geteuid() == 0


def name(kind: str) -> str:
    """The account of `kind` for this clone's platform; empty when services run as the calling user."""
    return f"{group()}-{kind}" if wanted() else ""


def group() -> str:
    """The group of all accounts, which may enter the parent of their folders, but not the folders."""
    return f"closecast-{hashlib.sha256(str(paths.state()).encode()).hexdigest()[:6]}"


def meta() -> dict[str, str]:
    """The accounts as node metadata for job files: `account_<kind>`."""
    return {f"account_{kind}": name(kind) for kind in FOLDERS}


def ensure() -> None:
    """Create missing accounts and folders, and give each folder to its account. Raises OperatorError."""
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
    # The parent of the tasks' folders, each of which only one account may enter.
    for folder in (state / "nomad", state / "nomad" / "data"):
        folder.mkdir(exist_ok=True)
        shutil.chown(folder, "root", group())
        folder.chmod(0o710)
    for kind, names in FOLDERS.items():
        for one in names:
            (state / one).mkdir(mode=_CLOSED, exist_ok=True)
            give(state / one, kind)


def give(folder: Path, kind: str, whole: bool = False) -> None:
    """Give `folder` to the account of `kind` only; with all its content if it has another owner, or if `whole`.

    Does nothing when there are no accounts.
    """
    if not wanted():
        return
    entry = pwd.getpwnam(name(kind))
    if whole or folder.stat().st_uid != entry.pw_uid:
        for path in _below(folder):
            os.chown(path, entry.pw_uid, entry.pw_gid, follow_symlinks=False)
        # Last, so that an interrupted change of owner is repeated.
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    folder.chmod(_CLOSED)


def folders_of_other_owners() -> list[str]:
    """Folders with data that have another owner than their account, such as those of an earlier version."""
    if not wanted():
        return []
    found = []
    for kind, folders in FOLDERS.items():
        owner = pwd.getpwnam(name(kind)).pw_uid if _exists(name(kind), "passwd") else None
        kept = [paths.state() / one for one in folders if (paths.state() / one).exists()]
        found += [folder.name for folder in kept if folder.stat().st_uid != owner and any(folder.iterdir())]
    return found


def remove() -> None:
    """Remove the accounts and their group, after their files. Raises OperatorError."""
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
            "correct that, or run Closecast as an ordinary user",
        )
