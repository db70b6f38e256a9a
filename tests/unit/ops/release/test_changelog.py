"""CHANGELOG.md has the form of Keep a Changelog, and a version without a section is refused."""

import subprocess
from datetime import date

import pytest

from ops.errors import OperatorError
from ops.release import changelog
from tests.servers.processes import PROJECT

TEXT = """# Changelog

Words.

## [Unreleased]

### Added

- Something
  on two lines.

## [0.2.0] - 2026-12-01

### Fixed

- A fault.
- Another.

## [0.1.0] - 2026-11-01
"""


def test_a_section_has_its_date_and_its_entries() -> None:
    found = changelog.section(TEXT, "0.2.0")
    assert found.released == date(2026, 12, 1)
    assert found.entries == ["- A fault.", "- Another."]
    assert found.text == "### Fixed\n\n- A fault.\n- Another."
    assert [one.version for one in changelog.sections(TEXT)] == ["Unreleased", "0.2.0", "0.1.0"]


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("0.3.0", r"has no section \[0\.3\.0\]"),
        ("0.1.0", r"has no entry in the section \[0\.1\.0\]"),
    ],
)
def test_a_version_that_says_nothing_is_refused(version: str, words: str) -> None:
    with pytest.raises(OperatorError, match=words):
        changelog.section(TEXT, version)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("## 0.1.0\n", "line 1 of CHANGELOG.md is '## 0.1.0'"),
        ("## [0.1.0] - 1.12.2026\n", "line 1"),
        ("## [0.1.0] - 2026-02-30\n", "line 1"),
        ("## [Unreleased]\n\n### Improved\n", "line 3 of CHANGELOG.md is '### Improved'"),
    ],
)
def test_another_form_is_told_with_its_line(text: str, words: str) -> None:
    with pytest.raises(OperatorError, match=words):
        changelog.sections(text)


def test_a_released_section_has_a_date() -> None:
    with pytest.raises(OperatorError, match=r"the section \[0\.1\.0\] of CHANGELOG.md has no date"):
        changelog.section("## [0.1.0]\n\n### Added\n\n- One.\n", "0.1.0")


def test_our_own_has_that_form_and_a_section_for_every_tag() -> None:
    text = (PROJECT / "CHANGELOG.md").read_text()
    listed = subprocess.run(
        ["git", "tag", "--list", "v[0-9]*"], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert changelog.sections(text)[0].version == changelog.UNRELEASED
    for tag in listed.stdout.split():
        assert changelog.section(text, tag.removeprefix("v"))
