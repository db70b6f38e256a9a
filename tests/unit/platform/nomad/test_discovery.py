"""Waiting for an address, and naming the commit that runs."""

import subprocess
from pathlib import Path

import pytest

from closecast.platform.nomad.discovery import NotAnsweringError, wait_for
from closecast.platform.runtime.provenance import git_commit
from tests.servers import free_port


def test_an_address_where_nothing_listens_is_given_up() -> None:
    with pytest.raises(NotAnsweringError, match="did not answer within 0 s"):
        wait_for(f"tcp://127.0.0.1:{free_port()}", seconds=0)


def test_an_address_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot wait for 'ftp://host'"):
        wait_for("ftp://host")


def test_the_commit_is_told_and_changes_are_marked(tmp_path: Path) -> None:
    # given
    assert git_commit(tmp_path) is None
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    (tmp_path / "a").write_text("1")
    for command in (["init", "-q"], ["add", "a"], [*identity, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    # when
    clean = git_commit(tmp_path)
    (tmp_path / "a").write_text("2")
    # then
    assert clean is not None
    assert len(clean) == 40
    assert git_commit(tmp_path) == f"{clean}-dirty"
