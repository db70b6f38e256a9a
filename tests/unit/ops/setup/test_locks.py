"""The locks: made by uv, here a double that writes what a test wants, compared with what is there, and free of addresses."""

from pathlib import Path

import pytest

from ops.errors import OperatorError
from ops.setup import locks

PINNED = "httpx==1 --hash=sha256:0\n"
# It writes to the file after --output-file, as uv does, and keeps its arguments.
_UV = """#!/bin/sh
echo "$@" >> "{folder}/asked"
while [ "$1" != --output-file ]; do shift; done
test -e "$2" && echo "$2" >> "{folder}/kept"
printf '%s' '{content}' > "$2"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with all locks, and uv on PATH that gives the same again."""
    folder = tmp_path / "project"
    folder.mkdir()
    for lock in locks.LOCKS:
        (folder / lock.file).parent.mkdir(parents=True, exist_ok=True)
        (folder / lock.file).write_text(PINNED)
    monkeypatch.setattr(locks, "PROJECT", folder)
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    _uv(tmp_path, _UV.format(folder=tmp_path, content=PINNED))
    return folder


def _uv(folder: Path, script: str) -> None:
    file = folder / "bin" / "uv"
    file.write_text(script)
    file.chmod(0o755)


def test_locks_that_follow_are_left_alone_and_one_that_does_not_is_named(project: Path) -> None:
    # when / then
    assert locks.main(["--check"]) == 0
    stale = project / "requirements-tools.txt"
    stale.write_text("httpx==0\n")
    with pytest.raises(OperatorError, match=r"not what pyproject\.toml gives: requirements-tools\.txt\n.*`just lock`"):
        locks.main(["--check"])
    assert stale.read_text() == "httpx==0\n"


def test_locks_are_made_with_the_options_of_each_and_keep_what_they_pin(project: Path, tmp_path: Path) -> None:
    # when
    assert locks.main([]) == 0
    # then
    asked = (tmp_path / "asked").read_text().splitlines()
    assert [line.split()[3] for line in asked] == [lock.group for lock in locks.LOCKS]
    assert all("--generate-hashes" in line and "--no-emit-index-url" in line for line in asked)
    assert ["--exclude-newer 2025-10-25" in line for line in asked].count(True) == 1
    assert [line.count("--no-emit-package") for line in asked if " serving " in line] == [9]
    assert len((tmp_path / "kept").read_text().splitlines()) == len(locks.LOCKS)
    # when new versions are wanted, then uv finds no pins to keep
    (tmp_path / "kept").unlink()
    assert locks.main(["--upgrade"]) == 0
    assert not (tmp_path / "kept").exists()
    assert (project / "requirements.txt").read_text() == PINNED


def test_what_cannot_be_resolved_is_told_with_the_group(project: Path, tmp_path: Path) -> None:
    _uv(tmp_path, "#!/bin/sh\necho 'No solution found when resolving dependencies' >&2\nexit 1\n")
    with pytest.raises(OperatorError, match=r"requirements-dev\.txt cannot be made: No solution found") as caught:
        locks.main([])
    assert "the group `dev`" in str(caught.value)
    assert (project / "requirements-dev.txt").read_text() == PINNED


@pytest.mark.usefixtures("project")
def test_an_address_in_a_lock_is_refused(tmp_path: Path) -> None:
    _uv(tmp_path, _UV.format(folder=tmp_path, content="httpx @ https://127.0.0.1/httpx.whl"))
    with pytest.raises(OperatorError, match=r"requirements-dev\.txt holds a download address"):
        locks.main([])


@pytest.mark.usefixtures("project")
def test_other_arguments_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="'--chek' is not an argument"):
        locks.main(["--chek"])
    assert not (tmp_path / "asked").exists()
