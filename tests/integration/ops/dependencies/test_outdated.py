"""Newer versions than the locks have, asked of the package index."""

from pathlib import Path

import pytest

from ops.dependencies import outdated as command
from ops.dependencies.outdated import outdated
from ops.setup.locks import Lock
from ops.setup.tools import tool

pytestmark = [pytest.mark.integration, pytest.mark.index]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one small lock."""
    tool("uv")
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "x"\nversion = "1"\n[dependency-groups]\ndev = ["idna>=3,<4"]\n'
    )
    monkeypatch.setattr("ops.setup.locks.PROJECT", folder)
    monkeypatch.setattr("ops.paths.PROJECT", folder)
    monkeypatch.setattr(command, "LOCKS", (Lock("requirements-dev.txt", "dev"),))
    return folder


def test_a_newer_version_is_listed_and_a_current_lock_has_none(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # given
    lock = project / "requirements-dev.txt"
    lock.write_text("idna==3.4 --hash=sha256:00\n")
    # when
    assert outdated(["--out", str(tmp_path / "found.md")]) == 2
    # then
    text = capsys.readouterr().out
    assert text == (tmp_path / "found.md").read_text()
    assert text.startswith("1 newer versions; `just lock --upgrade` takes them.")
    assert "| idna | 3.4 | 3." in text
    assert lock.read_text() == "idna==3.4 --hash=sha256:00\n"
    # when the lock is made anew, then there is nothing to do
    lock.unlink()
    Lock("requirements-dev.txt", "dev").compile(lock)
    assert outdated([]) == 0
    assert capsys.readouterr().out == "Every lock has the newest versions that pyproject.toml allows.\n"
