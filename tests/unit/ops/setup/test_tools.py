"""`just` and `uv` come from PATH or are installed."""

import subprocess
import venv
from pathlib import Path

import pytest

from ops.errors import OperatorError
from ops.setup import tools


def _executable(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


def test_tools_come_from_path_and_a_failed_installation_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    just = _executable(tmp_path / "bin", "just", "exit 0")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert tools.tool("just") == str(just)
    monkeypatch.setattr(tools, "BIN", tmp_path / "none" / "bin")
    monkeypatch.setattr(subprocess, "run", lambda *_a, **_k: subprocess.CompletedProcess([], 1, "", "no index\n"))
    monkeypatch.setattr(venv, "create", lambda *_a, **_k: None)
    with pytest.raises(OperatorError, match="pip could not install just and uv: no index"):
        tools.tool("uv")
