"""The version of this code, from the tags of its clone: the same in a clone, in a wheel and in an image.

The build of the wheel loads this file by its path (`[tool.hatch.version]` in pyproject.toml), before anything is installed.
"""

import re
import subprocess
from importlib import metadata
from pathlib import Path

FILE = "VERSION"  # file with the version, in a copy of the project without git
UNKNOWN = "0.0.0+unknown"
_TAG = re.compile(r"v(\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?)")
_DESCRIBED = re.compile(r"(?P<tag>.+)-(?P<commits>\d+)-g(?P<commit>[0-9a-f]+)(?P<changed>-dirty)?")


def current(project: Path = Path(__file__).parents[1]) -> str:
    """The version of the code in `project`, as PEP 440 writes it.

    It is the tag's (v0.2.0: "0.2.0") on a tagged commit, and "0.2.0.post3+g<commit>" three commits later; before the first
    tag it counts from 0.0.0. Changes that are not committed add ".changed". Without git it is what the file VERSION or
    the installed distribution says, else "0.0.0+unknown".
    """
    noted = project / FILE
    if noted.exists():
        return noted.read_text(encoding="utf-8").strip()
    if (project / ".git").exists() and (found := of_commit(project)) is not None:
        return found
    return _installed(project) or UNKNOWN


def of_commit(project: Path, commit: str | None = None) -> str | None:
    """The version of `commit` in the clone `project`, by default of what is checked out; None where git knows none."""
    asked = ["--dirty"] if commit is None else [commit]
    described = _git(project, "describe", "--tags", "--long", "--abbrev=12", "--match=v[0-9]*", *asked)
    if described is None:
        counted = _git(project, "rev-list", "--count", commit or "HEAD")
        bare = _git(project, "describe", "--always", "--abbrev=12", "--exclude=*", *asked)
        if counted is None or bare is None:
            return None
        described = f"v0.0.0-{counted}-g{bare}"
    return from_description(described)


def from_description(described: str) -> str:
    """The version that `git describe --long` writes as `described`. Raises ValueError for a tag that is no version."""
    found = _DESCRIBED.fullmatch(described)
    tag = _TAG.fullmatch(found["tag"]) if found else None
    if found is None or tag is None:
        raise ValueError(f"the tag of {described!r} is no version: tag releases as v0.2.0 or v0.2.0rc1")
    later = "" if found["commits"] == "0" else f".post{found['commits']}"
    local = [f"g{found['commit']}"] if later or found["changed"] else []
    if found["changed"]:
        local.append("changed")
    return tag[1] + later + (f"+{'.'.join(local)}" if local else "")


def _installed(project: Path) -> str | None:
    """The version of the installed distribution, where it is this code that it installed."""
    try:
        distribution = metadata.distribution("closecast")
    except metadata.PackageNotFoundError:
        return None
    is_this = Path(str(distribution.locate_file("closecast"))).resolve() == (project / "closecast").resolve()
    return distribution.version if is_this else None


def _git(project: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(project), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
