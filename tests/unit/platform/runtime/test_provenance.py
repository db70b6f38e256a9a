"""Naming the commit that runs."""

import subprocess
from pathlib import Path

from closecast.platform.runtime.provenance import git_commit


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
