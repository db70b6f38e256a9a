"""The files that the documents name are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMED = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|hcl|toml|sql|txt|json|yaml|md|mod))`")
TOP = {path.name for path in ROOT.iterdir()}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_file_that_is_named_is_there(document: Path) -> None:
    named = {name for name in NAMED.findall(document.read_text(encoding="utf-8")) if name.split("/")[0] in TOP}
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
