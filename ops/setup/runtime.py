"""The services' runtime: the project's code, Python environments and Caddy, where the services' accounts can reach them.

Root's clone, interpreter or cache may be below a folder that only root may enter. So root's environments are made in
the platform's own folder, with a link in the clone, and each `up` copies the code there; all of it belongs to root. For
other users, services run from the clone.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

from closecast import version
from closecast.platform.runtime import provenance
from ops import paths
from ops.errors import OperatorError
from ops.setup import accounts

_CODE = ("closecast", "services", "flows", "localstack", "policies", "terraform")
_LEFT_OUT = ("__pycache__", ".terraform*", "*.pyc")
# Minor versions of Python 3 that the locks are made for.
OLDEST, NEWEST = 11, 14


def environments() -> Path | None:
    """The folder of root's Python environments; None when they are in the clone."""
    return paths.state() / "runtime" if accounts.wanted() else None


def code() -> Path:
    """The folder that services import the project from."""
    return paths.state() / "runtime" / "code" if accounts.wanted() else paths.PROJECT


@cache
def interpreter() -> str:
    """The Python for the environments: this one, unless the services' accounts cannot run it.

    Raises OperatorError when there is none that they can run.
    """
    if not accounts.wanted() or first_closed(Path(sys.executable)) is None:
        return sys.executable
    named = (f"python3.{minor}" for minor in range(NEWEST, OLDEST - 1, -1))
    found = (shutil.which(name, path="/usr/local/bin:/usr/bin") for name in named)
    open_ = next((one for one in found if one and first_closed(Path(one)) is None), None)
    if open_ is None:
        raise OperatorError(
            f"{Path(sys.executable).resolve()} lies in a folder that only root may enter, so no account of a service could run it",
            "install a Python for all accounts (Debian and Ubuntu: apt-get install python3), or run Closecast as an ordinary user",
        )
    return open_


def first_closed(path: Path) -> Path | None:
    """The topmost folder on the way to `path`, or to the target of its links, that other accounts may not enter, if any.

    Folders that don't exist yet count as open.
    """
    real = path.resolve()
    steps = (*reversed(path.absolute().parents), *reversed(real.parents), real)
    return next((step for step in steps if step.exists() and not step.stat().st_mode & 0o001), None)


def refresh() -> None:
    """Update the services' copy of the code if it differs from the clone.

    Running services keep what they have loaded.
    """
    if not accounts.wanted():
        return
    target, commit, number = code(), provenance.git_commit(paths.PROJECT) or "", version.current(paths.PROJECT)
    digest = _digest(f"{commit} {number}")
    marker = target / "DIGEST"
    if marker.exists() and marker.read_text() == digest:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=target.parent, prefix="code-"))
    for file in _sources():
        copy = fresh / file.relative_to(paths.PROJECT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, copy)
    (fresh / provenance.FILE).write_text(commit)
    (fresh / version.FILE).write_text(number)
    (fresh / marker.name).write_text(digest)
    # Only root may write here, so services could not store compiled files.
    subprocess.run([str(python(paths.VENV)), "-m", "compileall", "-q", str(fresh)], check=False, capture_output=True)
    open_to_all(fresh)
    old = fresh.with_name(f"{fresh.name}-old")
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def python(environment: Path) -> Path:
    """The interpreter of an environment, by a path that the services' accounts can use."""
    return environment.resolve() / "bin" / "python"


def program(path: Path) -> Path:
    """`path`, or a copy of it that the services' accounts can reach."""
    if not accounts.wanted() or first_closed(path) is None:
        return path
    copy = paths.state() / "runtime" / "bin" / path.name
    if not copy.exists() or copy.stat().st_mtime != path.stat().st_mtime or copy.stat().st_size != path.stat().st_size:
        copy.parent.mkdir(parents=True, exist_ok=True)
        partial = copy.with_suffix(".partial")
        shutil.copy2(path, partial)
        partial.chmod(0o755)
        partial.replace(copy)
        open_to_all(copy.parent)
    return copy


def _sources() -> Iterator[Path]:
    for name in _CODE:
        for file in sorted((paths.PROJECT / name).rglob("*")):
            parts = file.relative_to(paths.PROJECT).parts
            if file.is_file() and not any(fnmatch(part, pattern) for part in parts for pattern in _LEFT_OUT):
                yield file


def _digest(state: str) -> str:
    """SHA-256 of the code, and of its commit and version."""
    made = hashlib.sha256(state.encode())
    for file in _sources():
        made.update(f"{file.relative_to(paths.PROJECT)}\0{file.stat().st_size}\0".encode())
        made.update(file.read_bytes())
    return made.hexdigest()


def open_to_all(folder: Path) -> None:
    """Let everybody read files and enter folders, whatever root's umask."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
