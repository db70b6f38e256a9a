"""The commands that the documents name are recipes of the Justfile."""

import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[3]
_DOCUMENTS = [
    _ROOT / "README.md",
    _ROOT / "CONTRIBUTING.md",
    *sorted((_ROOT / "docs").rglob("*.md")),
    *sorted((_ROOT / "benchmarks").glob("*.md")),
]
_CODE = re.compile(r"^```.*?^```|`[^`]+`", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"(?:^|[\s`(])(?:\./)?just\s+([a-z][a-z-]*)")
_RECIPES = set(re.findall(r"^([a-z][a-z-]*)[^:=\n]*:(?!=)", (_ROOT / "Justfile").read_text(), re.MULTILINE))


def _commands(document: Path) -> set[str]:
    return {command for code in _CODE.findall(document.read_text()) for command in _COMMAND.findall(code)}


def test_the_readme_names_the_two_commands_to_begin_with() -> None:
    assert {"up", "test"} <= _commands(_ROOT / "README.md")


@pytest.mark.parametrize("document", _DOCUMENTS, ids=lambda path: str(path.relative_to(_ROOT)))
def test_a_named_command_exists(document: Path) -> None:
    assert _commands(document) - _RECIPES == set()
