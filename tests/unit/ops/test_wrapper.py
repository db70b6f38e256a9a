"""The script `./just`, before anything is installed."""

import runpy
import stat
import sys
from pathlib import Path

import pytest

from ops import paths


def test_the_wrapper_can_be_executed() -> None:
    assert (paths.PROJECT / "just").stat().st_mode & stat.S_IXUSR


def test_the_wrapper_refuses_another_python_in_words_that_one_can_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a machine with Python 3.9 alone
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CLOSECAST_PYTHON", raising=False)
    wrapper = runpy.run_path(str(paths.PROJECT / "just"))
    monkeypatch.setattr(sys, "version_info", (3, 9, 18))
    # then
    with pytest.raises(SystemExit, match=r"Python 3\.9 at .* is not supported; Closecast needs Python 3\.11 to 3\.14"):
        wrapper["use_supported_python"]()
