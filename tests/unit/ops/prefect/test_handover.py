"""An export that only root can read reaches the account of the flows as a copy."""

import getpass
from pathlib import Path

import pytest

from ops.prefect.handover import readable
from ops.setup import accounts, runtime


@pytest.fixture
def secret(tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that nobody else can enter; the account of the flows is this one."""
    state.mkdir()
    monkeypatch.setattr(accounts, "wanted", lambda: True)
    monkeypatch.setattr(accounts, "name", lambda _kind: getpass.getuser())
    folder = tmp_path / "secret"
    folder.mkdir(mode=0o700)
    return folder


def test_a_file_is_copied_anew_each_time(secret: Path, state: Path) -> None:
    # given
    export = secret / "deals.csv"
    export.write_text("one")
    # when
    source = readable(f"file:{export}")
    # then
    assert source is not None
    copy = Path(source.removeprefix("file:"))
    assert copy.is_relative_to(state)
    assert (copy.name, copy.read_text(), copy.stat().st_mode & 0o777) == ("deals.csv", "one", 0o400)
    export.write_text("two")
    assert readable(f"file:{export}") == source
    assert copy.read_text() == "two"


def test_of_a_folder_its_files_are_copied_and_those_that_are_gone_are_not_kept(secret: Path) -> None:
    # given
    for name in ("a.csv", "b.csv", ".hidden.csv", "notes.md"):
        (secret / name).write_text(name)
    # when
    source = readable(f"file:{secret}")
    # then
    assert source is not None
    copy = Path(source.removeprefix("file:"))
    assert sorted(path.name for path in copy.iterdir()) == ["a.csv", "b.csv"]
    assert copy.stat().st_mode & 0o777 == 0o500
    (secret / "a.csv").unlink()
    assert readable(f"file:{secret}") == source
    assert [path.name for path in copy.iterdir()] == ["b.csv"]


def test_what_all_can_read_is_read_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "wanted", lambda: True)
    monkeypatch.setattr(runtime, "first_closed", lambda _folder: None)
    (tmp_path / "a.csv").write_text("x")
    for path, mode in ((tmp_path / "a.csv", 0o644), (tmp_path, 0o755)):
        path.chmod(mode)
        assert readable(f"file:{path}") == f"file:{path}"
    assert readable("synthetic") == "synthetic"
    assert readable(None) is None
