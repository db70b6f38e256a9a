"""Copy an export that only root can read for the account of the flows."""

import hashlib
import os
import pwd
import shutil
from pathlib import Path

from closecast.platform.sources.folder import files_in
from ops import paths
from ops.cli.progress import say
from ops.setup import accounts, runtime


def readable(source: str | None) -> str | None:
    """Return `source`, or the source of a copy if the worker's account cannot read the file; the copy is announced.

    The copy is renewed at each call: a changed file reaches the flows with the next `up` or `train` that names it.
    """
    kind, _, name = (source or "").partition(":")
    path = Path(name)
    if kind != "file" or not accounts.wanted() or _is_readable(path):
        return source
    # The file keeps its name, which reports show.
    folder = paths.state() / "exports" / hashlib.sha256(name.encode()).hexdigest()[:8]
    for step in (folder.parent, folder):
        step.mkdir(exist_ok=True)
        step.chmod(0o711)
    copy = folder / path.name
    if path.is_dir():
        if copy.exists():  # a file that is gone there must not stay here
            copy.chmod(0o700)
            shutil.rmtree(copy)
        copy.mkdir()
        for one in files_in(path):
            _copy(one, copy / one.name)
        copy.chmod(0o500)
        _give(copy)
    else:
        _copy(path, copy)
    say(f"  only root may read {path}: flows read a copy of it, {copy}, which is renewed when you name it again")
    return f"file:{copy}"


def _copy(path: Path, copy: Path) -> None:
    """Copy a file, for the worker's account alone to read."""
    partial = copy.with_name(f"{copy.name}.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    with path.open("rb") as given, os.fdopen(descriptor, "wb") as taken:
        shutil.copyfileobj(given, taken)
    shutil.copystat(path, partial)
    partial.chmod(0o400)
    _give(partial)
    partial.replace(copy)


def _give(path: Path) -> None:
    entry = pwd.getpwnam(accounts.name("worker"))
    os.chown(path, entry.pw_uid, entry.pw_gid)


def _is_readable(path: Path) -> bool:
    if runtime.first_closed(path.absolute().parent) is not None:
        return False
    if path.is_dir():
        return path.stat().st_mode & 0o005 == 0o005 and all(one.stat().st_mode & 0o004 for one in files_in(path))
    return bool(path.stat().st_mode & 0o004)
