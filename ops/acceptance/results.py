"""The last result of each requirement (docs/acceptance.json), and the page of them (docs/acceptance.md)."""

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Literal

import msgspec

from closecast.platform.runtime.files import write_whole
from ops import paths
from ops.acceptance.requirements import AREAS, Requirement
from ops.errors import OperatorError

FILE = paths.PROJECT / "docs" / "acceptance.json"
PAGE = paths.PROJECT / "docs" / "acceptance.md"
_INTRODUCTION = """# Acceptance

What Closecast must do, the command that shows it, and what that printed when it ran last. `just acceptance` runs the
commands that need no running platform, `just acceptance --platform` those that use the one that is up (`just up` first);
`--only <area>` or `--only <area>/<id>` runs some of them. It writes this page, and ends with status 1 if a command failed.
Requirements are added in `ops/acceptance/requirements.toml`.

`pytest` is the one of the project's environment, and without `-m` leaves out the slow tests and those that need a
platform or a package index; a skipped test counts as failed. How fast it all is, `just bench` measures: a benchmark ends
well whatever it finds, so it is no row here, and its pages are in [benchmarks](../benchmarks).
"""


class Result(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a command ended: `printed` is its figure, or what was wrong."""

    command: str
    outcome: Literal["passed", "failed"]
    printed: str
    day: date
    commit: str
    seconds: float


def read(file: Path | None = None) -> dict[str, Result]:
    """The last results by the requirement's name. Raises OperatorError for a file that is none of ours."""
    file = file or FILE
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Result])
    except FileNotFoundError:
        return {}
    except msgspec.DecodeError as error:
        raise OperatorError(f"{file} cannot be read: {error}", "restore it with git, or delete it") from error


def last(requirement: Requirement, results: Mapping[str, Result]) -> Result | None:
    """The last result of `requirement`; None where it has not run, or had another command when it did."""
    found = results.get(requirement.name)
    return found if found is not None and found.command == requirement.shown else None


def write(requirements: Iterable[Requirement], results: Mapping[str, Result]) -> None:
    """Write the results that still stand, and the page."""
    known = tuple(requirements)
    kept = {one.name: found for one in known if (found := last(one, results)) is not None}
    write_whole(FILE, (msgspec.json.format(msgspec.json.encode(kept), indent=1) + b"\n").decode())
    write_whole(PAGE, page(known, kept))
    for file in (FILE, PAGE):
        file.chmod(0o644)


def page(requirements: Iterable[Requirement], results: Mapping[str, Result]) -> str:
    """docs/acceptance.md."""
    rows = [(one, last(one, results)) for one in requirements]
    counts = {word: sum(1 for _, found in rows if found and found.outcome == word) for word in ("passed", "failed")}
    parts = [
        _INTRODUCTION,
        f"{len(rows)} requirements: {counts['passed']} passed, {counts['failed']} failed, "
        f"{len(rows) - sum(counts.values())} not run yet.\n",
    ]
    for area in AREAS:
        parts.append(f"## {area[0].upper()}{area[1:]}\n")
        lines = [
            "| requirement | command | platform | last result | date | commit | seconds |",
            "|---|---|---|---|---|---|---:|",
        ]
        lines += [_row(one, found) for one, found in rows if one.area == area]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _row(requirement: Requirement, found: Result | None) -> str:
    platform = "up" if requirement.needs == "platform" else "not needed"
    if found is None:
        ran = ["not run yet", "", "", ""]
    else:
        outcome = f"{found.outcome}: {found.printed}" if found.printed else found.outcome
        ran = [_cell(outcome), found.day.isoformat(), found.commit, f"{found.seconds:,.0f}"]
    return f"| {' | '.join([_cell(requirement.says), f'`{_cell(requirement.shown)}`', platform, *ran])} |"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
