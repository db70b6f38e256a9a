"""What `doctor` says is missing."""

from pathlib import Path

import pytest

from ops.setup import doctor


@pytest.mark.usefixtures("state")
def test_doctor_names_what_is_missing_and_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CLOSECAST_CACHE", str(tmp_path / "cache"))
    assert doctor.doctor() == 1
    printed = capsys.readouterr().out
    assert "there is no terraform on PATH\n  remedy: install Terraform 1.11" in printed
    assert "there is no Go on PATH" in printed
