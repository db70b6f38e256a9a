"""CHANGELOG.md, written as Keep a Changelog (1.1.0) says: a section for each version, its entries grouped by kind."""

import re
from dataclasses import dataclass
from datetime import date

from ops.errors import OperatorError

UNRELEASED = "Unreleased"
KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
_HEADING = re.compile(r"## \[(?P<version>[^\]]+)\](?: - (?P<date>\d{4}-\d{2}-\d{2}))?")


@dataclass(frozen=True)
class Section:
    """What is said of a version: its date, None for what is not released, and its entries as Markdown."""

    version: str
    released: date | None
    text: str

    @property
    def entries(self) -> list[str]:
        """The lines that begin an entry."""
        return [line for line in self.text.splitlines() if line.startswith("- ")]


def sections(text: str) -> list[Section]:
    """The sections in their order. Raises OperatorError for a heading that is none of Keep a Changelog's."""
    found: list[Section] = []
    heading, lines = None, []
    for number, line in enumerate([*text.splitlines(), "## [end]"], 1):
        if not line.startswith("## "):
            if line.startswith("### ") and line.removeprefix("### ") not in KINDS:
                raise _wrong(number, line, f"one of {', '.join(KINDS)}")
            lines.append(line)
            continue
        if heading is not None:
            found.append(Section(*heading, "\n".join(lines).strip()))
        match = _HEADING.fullmatch(line)
        if match is None:
            raise _wrong(number, line, "`## [Unreleased]` or `## [<version>] - <YYYY-MM-DD>`")
        heading, lines = (match["version"], _date(number, line, match["date"])), []
    return found


def section(text: str, version: str) -> Section:
    """The section of `version`. Raises OperatorError where there is none, or nothing in it."""
    found = next((one for one in sections(text) if one.version == version), None)
    if found is None or not found.entries:
        lacking = "has no section" if found is None else "has no entry in the section"
        raise OperatorError(
            f"CHANGELOG.md {lacking} [{version}]",
            "write what changed for users, under `### Added`, `### Changed`, … (move it there from [Unreleased])",
        )
    if version != UNRELEASED and found.released is None:
        raise OperatorError(
            f"the section [{version}] of CHANGELOG.md has no date", f"write `## [{version}] - <YYYY-MM-DD>`"
        )
    return found


def _date(number: int, line: str, written: str | None) -> date | None:
    try:
        return None if written is None else date.fromisoformat(written)
    except ValueError:
        raise _wrong(number, line, "a date that exists") from None


def _wrong(number: int, line: str, expected: str) -> OperatorError:
    return OperatorError(f"line {number} of CHANGELOG.md is {line!r}", f"expected: {expected}")
