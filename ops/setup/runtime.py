"""What the services run: the project's code, its Python environments, Caddy. As root, where their accounts can reach them.

A clone, an interpreter or a cache of root's may lie below a folder that only root may enter. So root's environments are made
in the platform's own folder, with a link to them in the clone, and the code is copied there by each `up`; all of it belongs to
root. Anybody else's services run from the clone.
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

from closecast.platform.runtime import provenance
from ops import paths
from ops.errors import OperatorError
from ops.setup import accounts

_CODE = ("closecast", "services", "flows", "localstack", "terraform")
_LEFT_OUT = ("__pycache__", ".terraform*", "*.pyc")
# Releases of Python 3 that the locks are made for.
OLDEST, NEWEST = 11, 14


def environments() -> Path | None:
    """Where root's Python environments are; None where they are in the clone."""
    return paths.state() / "runtime" if accounts.wanted() else None


def code() -> Path:
    """The folder that services import the project from."""
    return paths.state() / "runtime" / "code" if accounts.wanted() else paths.PROJECT


@cache
def interpreter() -> str:
    """The Python that environments are made with: this one, unless the accounts of root's services could not run it.

    Raises OperatorError when there is none that they could.
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
    """What keeps other accounts from `path` and from what it is a link to: the topmost step that they may not enter, if any.

    Steps that are not there yet are open.
    """
    real = path.resolve()
    steps = (*reversed(path.absolute().parents), *reversed(real.parents), real)
    return next((step for step in steps if step.exists() and not step.stat().st_mode & 0o001), None)


def refresh() -> None:
    """Copy the code anew where services have a copy and it is not the clone's. Running services keep what they have read."""
    if not accounts.wanted():
        return
    target, commit = code(), provenance.git_commit(paths.PROJECT) or ""
    digest = _digest(commit)
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
    (fresh / marker.name).write_text(digest)
    # Nobody but root may write here, so a service could not keep what it compiled.
    subprocess.run([str(python(paths.VENV)), "-m", "compileall", "-q", str(fresh)], check=False, capture_output=True)
    open_to_all(fresh)
    old = fresh.with_name(f"{fresh.name}-old")
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def python(environment: Path) -> Path:
    """The interpreter of an environment, by a path that services' accounts can follow."""
    return environment.resolve() / "bin" / "python"


def program(path: Path) -> Path:
    """`path`, or a copy of it where the services' accounts could not reach it."""
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


def _digest(commit: str) -> str:
    """SHA-256 of the code and its commit."""
    made = hashlib.sha256(commit.encode())
    for file in _sources():
        made.update(f"{file.relative_to(paths.PROJECT)}\0{file.stat().st_size}\0".encode())
        made.update(file.read_bytes())
    return made.hexdigest()


def open_to_all(folder: Path) -> None:
    """Whatever root's umask: everybody reads, and enters folders."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
