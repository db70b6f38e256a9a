"""What tests use is installed where it is missing, and by nobody but root; apt-get is a double that notes what it is asked."""

from pathlib import Path

import pytest

from ops.errors import OperatorError
from ops.setup import programs_for_tests
from ops.setup.programs_for_tests import install


@pytest.fixture
def bin_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of programs; `asked` beside it has what apt-get was asked."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(programs_for_tests, "PACKAGES", {"here": ("in-vain",), "nowhere": ("wanted", "with-it")})
    monkeypatch.setattr("os.geteuid", lambda: 0)
    _program(folder, "here", "exit 0")
    _program(folder, "apt-get", f'echo "$DEBIAN_FRONTEND $RUNLEVEL $@" >> {tmp_path}/asked')
    return folder


def _program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_only_what_is_missing_is_installed(bin_: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert install([]) == 0
    assert (tmp_path / "asked").read_text().splitlines() == [
        "noninteractive 1 update -qq",
        "noninteractive 1 install -y -qq --no-install-recommends wanted with-it",
    ]
    # when it is there, then nothing is asked
    _program(bin_, "nowhere", "exit 0")
    (tmp_path / "asked").unlink()
    assert install([]) == 0
    assert "every program that the tests use is here" in capsys.readouterr().out
    assert not (tmp_path / "asked").exists()


def test_what_apt_says_reaches_the_user(bin_: Path) -> None:
    _program(bin_, "apt-get", "echo 'E: Unable to locate package' >&2; exit 100")
    with pytest.raises(OperatorError, match="apt-get failed: E: Unable to locate package"):
        install([])


def test_where_it_cannot_be_installed_the_packages_are_named(bin_: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("PATH", str(bin_))
    with pytest.raises(OperatorError, match="only root may install wanted, with-it, and there is no sudo"):
        install([])
    (bin_ / "apt-get").unlink()
    with pytest.raises(OperatorError, match="there is no apt-get on PATH to install wanted, with-it"):
        install([])
