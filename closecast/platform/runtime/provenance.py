"""The commit of the running code."""

import subprocess
from pathlib import Path

FILE = "COMMIT"  # file with the commit, in a copy of the project without git


def git_commit(project: Path) -> str | None:
    """The commit checked out in `project`, with "-dirty" when tracked files differ; None where git knows of none."""
    noted = project / FILE
    if noted.exists():
        return noted.read_text() or None
    command = ["git", "-C", str(project), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
