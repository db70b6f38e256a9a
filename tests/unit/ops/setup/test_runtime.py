"""What root's services run from: a copy of the code that all may read and none may change."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops import paths
from ops.setup import accounts, runtime


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every account may enter, as pytest's own are not."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture
def project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project, of which services have a copy as root's have."""
    monkeypatch.setenv("CLOSECAST_STATE", str(folder / "state"))
    project = folder / "__pycache__"  # what is left out is so below the project, not above it
    for name in ("closecast", "services", "flows", "localstack", "terraform"):
        (project / name / "deeper").mkdir(parents=True)
        (project / name / "deeper" / "one.py").write_text("answer = 42\n")
    monkeypatch.setattr(paths, "PROJECT", project)
    monkeypatch.setattr(paths, "VENV", Path(sys.prefix))
    monkeypatch.setattr(accounts, "wanted", lambda: True)
    return project


def _copied() -> set[str]:
    return {
        str(file.relative_to(runtime.code()))
        for file in runtime.code().rglob("*")
        if file.is_file() and file.suffix != ".pyc"
    }


def test_the_topmost_step_that_keeps_others_out_is_named(folder: Path) -> None:
    # given a program below two folders, and a link to it from an open one
    program = folder / "closed" / "deeper" / "program"
    program.parent.mkdir(parents=True)
    program.touch(0o755)
    (folder / "link").symlink_to(program)
    assert runtime.first_closed(program) is runtime.first_closed(folder / "link") is None
    # when
    program.parent.chmod(0o700)
    (folder / "closed").chmod(0o700)
    # then
    assert runtime.first_closed(program) == runtime.first_closed(folder / "link") == folder / "closed"
    assert runtime.first_closed(folder / "closed" / "not" / "there") == folder / "closed"
    assert runtime.first_closed(folder / "not" / "there") is None


def test_a_program_that_others_may_not_run_is_closed(folder: Path) -> None:
    (folder / "program").touch(0o744)
    assert runtime.first_closed(folder / "program") == folder / "program"


def test_the_copy_holds_the_code_and_nothing_that_was_made_of_it(project: Path) -> None:
    # given
    for made in ("services/__pycache__/one.cpython-311.pyc", "terraform/.terraform/plugin", "flows/deeper/old.pyc"):
        (project / made).parent.mkdir(exist_ok=True)
        (project / made).write_text("made")
    # when
    runtime.refresh()
    # then
    folders = ("closecast", "services", "flows", "localstack", "terraform")
    assert _copied() == {"COMMIT", "DIGEST", "VERSION", *(f"{folder}/deeper/one.py" for folder in folders)}
    assert all(path.stat().st_mode & 0o022 == 0 for path in runtime.code().rglob("*"))
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in runtime.code().rglob("*"))


def test_the_copy_is_made_anew_when_the_code_changed_and_not_else(project: Path) -> None:
    # given
    runtime.refresh()
    first = runtime.code().stat().st_ino
    runtime.refresh()
    assert runtime.code().stat().st_ino == first
    # when
    (project / "flows" / "deeper" / "one.py").write_text("answer = 43\n")
    (project / "services" / "deeper" / "one.py").unlink()
    runtime.refresh()
    # then
    assert (runtime.code() / "flows" / "deeper" / "one.py").read_text() == "answer = 43\n"
    assert not (runtime.code() / "services" / "deeper" / "one.py").exists()
    assert sorted(path.name for path in runtime.code().parent.iterdir()) == ["code"]
