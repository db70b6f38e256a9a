"""MkDocs hook: pages that are made from the code, and the decisions in the menu."""

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from ops.docs import api_reference, model_card

_API, _CARD, _DECISIONS = "reference/api/", "reference/model-card.md", "decisions/README.md"
_ROW = re.compile(r"^\| (\d+) \| \[(.+)\]\((.+)\) \|$", re.MULTILINE)
# Made once: `just docs serve` builds again after each change of a page.
_made: dict[str, str] = {}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Give the menu the pages of the API and each decision."""
    _made.update(_pages() if not _made else {})
    api = [name for name in _made if name.startswith(_API)]
    decisions = _ROW.findall((Path(config.docs_dir) / _DECISIONS).read_text(encoding="utf-8"))
    below: dict[str, list[Any]] = {
        f"{_API}index.md": api,
        _DECISIONS: [
            _DECISIONS,
            *({f"{number}. {title.replace('`', '')}": f"decisions/{file}"} for number, title, file in decisions),
        ],
    }
    config.nav = _with_sections(config.nav, below)
    return config


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages that were made."""
    for name, content in _made.items():
        files.append(File.generated(config, name, content=content))
    return files


def _pages() -> dict[str, str]:
    described = api_reference.document()
    return {
        **{f"{_API}{name}": text for name, text in api_reference.pages(described).items()},
        _CARD: model_card.page(),
    }


def _with_sections(nav: Any, below: dict[str, list[Any]]) -> Any:
    """The menu, in which the pages that `below` names are sections with the pages below them."""
    if isinstance(nav, list):
        return [_with_sections(one, below) for one in nav]
    if isinstance(nav, dict):
        return {title: _with_sections(one, below) for title, one in nav.items()}
    return below.get(nav, nav)
