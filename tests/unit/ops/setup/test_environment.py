"""A Python environment is installed from its lock, only from its own, and compiled."""

import subprocess
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


def test_what_is_installed_is_compiled_and_what_is_no_python_stops_nothing(tmp_path: Path) -> None:
    # given
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    packages = next((tmp_path / "venv" / "lib").glob("python*")) / "site-packages"
    for name, text in {"sound.py": "x = 1", "template.py": "{{ name }} = = 1", "tests/test_sound.py": "y = 1"}.items():
        file = packages / "one" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    # when
    environment.compile_installed(tmp_path / "venv" / "bin" / "python")
    # then
    assert [file.name.split(".")[0] for file in packages.rglob("*.pyc")] == ["sound"]
