"""Each decision has the four headings of its template, and the index lists all of them."""

import re
from pathlib import Path

import pytest

_FOLDER = Path(__file__).parents[3] / "docs" / "decisions"
_FILES = sorted(path for path in _FOLDER.iterdir() if path.name != "README.md")
_HEADINGS = ["## Context", "## Decision", "## Cost", "## How to undo"]
_ROW = re.compile(r"^\| (\d+) \| \[(.+)\]\((.+)\) \|$", re.MULTILINE)


def _headings(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("#")]


def _title(path: Path) -> tuple[str, str]:
    """Number and title, as the first heading gives them."""
    found = re.fullmatch(r"# (\d+)\. (\S.*)", _headings(path.read_text())[0])
    assert found is not None, f"{path.name} does not begin with `# NN. Title`"
    return found[1], found[2]


def test_there_are_decisions() -> None:
    assert len(_FILES) > 50


@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.name)
def test_a_decision_follows_the_template(path: Path) -> None:
    # given
    number, _ = _title(path)
    text = path.read_text()
    # then
    assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", path.name)
    assert int(path.name[:4]) == int(number)
    assert _headings(text)[1:] == _HEADINGS
    sections = re.split(r"^## .+$", text, flags=re.MULTILINE)[1:]
    assert all(section.strip() for section in sections)
    assert 15 <= len(text.splitlines()) <= 60


def test_the_index_lists_every_decision_and_nothing_else() -> None:
    # given
    listed = _ROW.findall((_FOLDER / "README.md").read_text())
    # then
    assert listed == [(*_title(path), path.name) for path in _FILES]
    assert [int(number) for number, _, _ in listed] == list(range(1, len(listed) + 1))
