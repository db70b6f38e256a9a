"""Links in the documents lead to files that are there, and to headings that these files have."""

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
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`]*`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_ELSEWHERE = re.compile(r"[a-z]+:")


def _links(document: Path) -> list[str]:
    """The targets of the document's relative links."""
    text = _CODE.sub("", _FENCED.sub("", document.read_text()))
    return [target for target in _LINK.findall(text) if not _ELSEWHERE.match(target)]


def _anchors(document: Path) -> set[str]:
    """The anchors that GitHub makes of the document's headings."""
    headings = _HEADING.findall(_FENCED.sub("", document.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def test_the_documents_have_links() -> None:
    assert sum(len(_links(document)) for document in _DOCUMENTS) > 100


@pytest.mark.parametrize("document", _DOCUMENTS, ids=lambda path: str(path.relative_to(_ROOT)))
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    broken = []
    for link in _links(document):
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(link)
    assert broken == []
