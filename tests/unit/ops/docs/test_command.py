"""`just docs`: a warning ends it with an error, and a wrong word is refused."""

from pathlib import Path

import pytest

from ops import paths
from ops.docs.command import docs
from ops.errors import OperatorError


@pytest.fixture
def project(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(paths, "PROJECT", root)
    monkeypatch.setattr(paths, "LOCAL", root / ".closecast")
    return root


def test_a_site_is_built_and_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert docs([]) == 0
    assert (project / ".closecast" / "site" / "index.html").exists()
    assert "the site is in .closecast/site" in capsys.readouterr().out


def test_a_dead_link_is_an_error(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (project / "docs" / "guide.md").write_text("# Guide\n\n## A part\n\n[x](gone.md)\n")
    assert docs([]) == 1
    out, err = capfd.readouterr()
    assert "docs/guide.md has a link to gone.md, which is not in the repository" in err
    assert "the site is in" not in out


def test_a_wrong_word_is_refused() -> None:
    with pytest.raises(OperatorError, match="docs knows no 'publish'"):
        docs(["publish"])
