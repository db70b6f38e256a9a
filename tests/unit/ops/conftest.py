"""A state folder of the test's own."""

from pathlib import Path

import pytest


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "state"
    monkeypatch.setenv("CLOSECAST_STATE", str(folder))
    monkeypatch.delenv("CLOSECAST_NOMAD_PORT", raising=False)
    return folder
