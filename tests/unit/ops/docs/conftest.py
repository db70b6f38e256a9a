"""A small repository, whose site is configured as the real one."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from ops.paths import PROJECT

FILES = {
    "README.md": "# Home\n\n[Guide](docs/guide.md#a-part), [docs](docs), ![Picture](docs/one.png)\n",
    "docs/guide.md": "# Guide\n\n## A part\n\n[Figures](../benchmarks/speed.md), [`code`](../ops/one.py)\n",
    "docs/one.png": "",
    "benchmarks/speed.md": "# Speed\n\n![Curve](speed.svg), [back](../docs/guide.md)\n",
    "benchmarks/speed.svg": "<svg/>",
    "ops/one.py": "",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder of the repository."""
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    configure(tmp_path)
    return tmp_path


def configure(root: Path, **others: Any) -> None:
    settings = {
        "INHERIT": str(PROJECT / "mkdocs.yml"),
        "site_dir": "site",
        "hooks": [str(PROJECT / "ops" / "docs" / "repository_pages.py")],
        "nav": ["index.md", "guide.md"],
        "theme": {"name": "mkdocs"},
        "not_in_nav": "/benchmarks/",
    }
    (root / "mkdocs.yml").write_bytes(msgspec.yaml.encode(settings | others))
