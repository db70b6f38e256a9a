"""The wheel of the library, built from a commit."""

import io
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from closecast import version
from ops import paths
from ops.errors import OperatorError

_CONTEXT = ("closecast", "pyproject.toml", "hatch_build.py")


def build(commit: str, number: str, folder: Path) -> Path:
    """Build the wheel of `commit` as version `number` into `folder`; the same commit gives the same bytes.

    Raises OperatorError.
    """
    with tempfile.TemporaryDirectory(prefix="closecast-wheel-") as scratch:
        archive = subprocess.run(
            ["git", "archive", "--format=tar", commit, *_CONTEXT], cwd=paths.PROJECT, capture_output=True, check=False
        )
        if archive.returncode:
            raise OperatorError(
                f"git archive failed: {archive.stderr.decode(errors='replace').strip()}", "mend what it names"
            )
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(scratch)  # nosec B202 - what git itself packs of this clone
        (Path(scratch) / version.FILE).write_text(number)
        made = Path(scratch) / "made"
        done = subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(made)],
            cwd=scratch,
            # Of the files in the wheel; by default the time of hatchling's own choice.
            env={**os.environ, "SOURCE_DATE_EPOCH": _time_of(commit)},
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if done.returncode:
            raise OperatorError(f"the wheel cannot be built: {done.stderr.strip()[-1500:]}", "correct pyproject.toml")
        (wheel,) = made.glob("*.whl")
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / wheel.name
        target.write_bytes(wheel.read_bytes())
    return target


def _time_of(commit: str) -> str:
    command = ["git", "show", "--no-patch", "--format=%ct", commit]
    return subprocess.run(command, cwd=paths.PROJECT, capture_output=True, text=True, check=True).stdout.strip()
