"""A Python environment is installed from its lock, and only from its own."""

from pathlib import Path

import pytest

from ops.errors import OperatorError
from ops.setup import environment


def _executable(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ('echo "error: No space left on device (os error 28)" >&2; exit 1', "is full"),
        ('echo "Hash mismatch for httpx" >&2; exit 1', "could not be made from the lock: Hash mismatch for httpx"),
        ("kill -9 $$", "was ended by signal 9"),
    ],
)
def test_an_installation_that_fails_says_why(tmp_path: Path, script: str, words: str) -> None:
    # given an installer, here a double that fails as uv does
    uv = _executable(tmp_path, "uv", script)
    # then
    with pytest.raises(OperatorError, match=words):
        environment._run([str(uv), "pip", "install"])


def test_an_environment_is_ready_for_its_own_lock_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # given an installer that succeeds
    uv = _executable(tmp_path / "bin", "uv", "exit 0")
    monkeypatch.setattr(environment, "tool", lambda _name: str(uv))
    monkeypatch.setattr(environment, "compile_installed", lambda _python: None)  # it installs nothing
    lock = tmp_path / "lock.txt"
    lock.write_text("httpx==1 --hash=sha256:0")
    (tmp_path / "venv").mkdir()
    made = environment.Environment(tmp_path / "venv", lock)
    assert not made.is_ready()
    # when
    made.prepare()
    # then
    assert made.is_ready()
    lock.write_text("httpx==2 --hash=sha256:0")
    assert not made.is_ready()
