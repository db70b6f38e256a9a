"""A Python environment is installed from its lock, and only from its own."""

import sys
from pathlib import Path

import pytest

from ops.errors import OperatorError
from ops.setup import accounts, environment


def _executable(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


def _environment(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> environment.Environment:
    """One below `folder`, whoever runs the tests, that `script` installs."""
    uv = _executable(folder / "bin", "uv", script)
    monkeypatch.setattr(environment, "tool", lambda _name: str(uv))
    monkeypatch.setattr(environment, "compile_installed", lambda _python: None)  # it installs nothing
    monkeypatch.setattr(accounts, "wanted", lambda: False)
    (folder / "venv" / "bin").mkdir(parents=True)
    (folder / "venv" / "bin" / "python").symlink_to(sys.executable)
    lock = folder / "lock.txt"
    lock.write_text("httpx==1 --hash=sha256:0")
    return environment.Environment(folder / "venv", lock)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ('echo "error: No space left on device (os error 28)" >&2; exit 1', "is full"),
        ('echo "Hash mismatch for httpx" >&2; exit 1', "could not be made from the lock: Hash mismatch for httpx"),
        ("kill -9 $$", "was ended by signal 9"),
    ],
)
def test_an_installation_that_fails_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, words: str
) -> None:
    # given an installer, here a double that fails as uv does
    made = _environment(tmp_path, monkeypatch, script)
    # then
    with pytest.raises(OperatorError, match=words):
        made.prepare()
    assert not made.is_ready()


def test_an_environment_is_ready_for_its_own_lock_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # given an installer that succeeds
    made = _environment(tmp_path, monkeypatch, "exit 0")
    assert not made.is_ready()
    # when
    made.prepare()
    # then
    assert made.is_ready()
    made.lock.write_text("httpx==2 --hash=sha256:0")
    assert not made.is_ready()
