"""Copy an export that only root can read for the account of the flows."""

import hashlib
import os
import pwd
import shutil
from pathlib import Path

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
    entry = pwd.getpwnam(accounts.name("worker"))
    partial = copy.with_name(f"{copy.name}.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    with path.open("rb") as given, os.fdopen(descriptor, "wb") as taken:
        shutil.copyfileobj(given, taken)
    shutil.copystat(path, partial)
    partial.chmod(0o400)
    os.chown(partial, entry.pw_uid, entry.pw_gid)
    partial.replace(copy)
    say(f"  only root may read {path}: flows read a copy of it, {copy}, which is renewed when you name the file again")
    return f"file:{copy}"


def _is_readable(path: Path) -> bool:
    return bool(path.stat().st_mode & 0o004) and runtime.first_closed(path.absolute().parent) is None
