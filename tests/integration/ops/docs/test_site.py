"""The site as `just docs` builds it: every page is there, alerts find their runbooks, and no other host is asked."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from closecast.platform.alerts.rules import load
from ops.paths import PROJECT

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("site")]

# What a browser fetches by itself; other links are followed by people only.
_FETCHED = re.compile(
    r"""<(?:script|img|iframe|source|video)\b[^>]*\bsrc=["']?([^"' >]+)|<link\b([^>]*)>|url\(["']?([^"')]+)"""
)
_ADDRESS = re.compile(r"(?:https?:)?//")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_there_and_can_be_searched(site: Path) -> None:
    # given
    documents = [path.relative_to(PROJECT / "docs") for path in (PROJECT / "docs").rglob("*.md")]
    pages = {str(path.with_suffix(".html")).replace("README", "index") for path in documents}
    made = {"index.html", "benchmarks/model.html", "reference/api/schemas.html", "reference/model-card.html"}
    # then
    assert len(pages) > 140
    assert sorted(name for name in pages | made if not (site / name).exists()) == []
    index = json.loads((site / "search" / "search_index.json").read_text())
    found = {entry["location"].partition("#")[0] for entry in index["docs"]}
    assert sorted((pages | made) - found) == []


def test_an_alert_leads_to_its_runbook(site: Path) -> None:
    rules = load(PROJECT / "policies" / "alerts").rules
    assert len(rules) > 15
    for rule in rules.values():
        page, _, anchor = rule.runbook.removeprefix("docs/").partition("#")
        assert f'<h2 id="{anchor}">' in (site / page).with_suffix(".html").read_text()


def test_no_page_fetches_anything_from_another_host(site: Path) -> None:
    fetched = set()
    for file in (*site.rglob("*.html"), *site.rglob("*.css")):
        for source, link, url in _FETCHED.findall(file.read_text()):
            is_page = 'rel="canonical"' in link or "rel=canonical" in link
            address = source or url or ("" if is_page else "".join(re.findall(r"""href=["']?([^"' >]+)""", link)))
            fetched.add(address)
    assert len(fetched) > 10
    assert sorted(address for address in fetched if _ADDRESS.match(address)) == []
