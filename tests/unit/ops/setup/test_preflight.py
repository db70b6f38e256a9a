"""What is checked of the machine before anything is started."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from ops.errors import OperatorError
from ops.setup import preflight


def _executable(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ('echo \'{"terraform_version": "1.9.8"}\'', "Terraform 1.9.8 .* is too old"),
        ("echo no", "does not print its version"),
    ],
)
def test_a_terraform_that_will_not_do_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, words: str
) -> None:
    _executable(tmp_path, "terraform", script)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(OperatorError, match=words):
        preflight.terraform()


def test_a_mirror_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _executable(tmp_path / "bin", "terraform", 'echo \'{"terraform_version": "1.12.0"}\'')
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    monkeypatch.setenv("CLOSECAST_TERRAFORM_MIRROR", str(tmp_path))
    with pytest.raises(OperatorError, match="CLOSECAST_TERRAFORM_MIRROR names"):
        preflight.terraform()


@pytest.mark.usefixtures("state")
def test_a_disk_that_is_nearly_full_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: type("Usage", (), {"free": 100 * 2**20})())
    with pytest.raises(OperatorError, match="only 100 MB are free"):
        preflight.disk()


def test_root_is_warned_of_a_folder_that_postgres_cannot_reach(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setenv("CLOSECAST_STATE", str(closed / "state"))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(OperatorError, match="is closed to other users"):
        preflight.state()


def test_another_python_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 1))
    with pytest.raises(OperatorError, match="is not supported"):
        preflight.python()
