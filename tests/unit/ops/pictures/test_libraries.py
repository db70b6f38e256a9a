"""Libraries that are not those that are pinned are refused."""

import hashlib
from pathlib import Path

import pytest

from ops.errors import OperatorError
from ops.pictures import libraries as subject


@pytest.fixture
def jars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder, pinned = tmp_path / "jars", tmp_path / "jars.sha256"
    folder.mkdir()
    lines = []
    for name in ("a.jar", "b.jar"):
        (folder / name).write_text(name)
        lines.append(f"{hashlib.sha256(name.encode()).hexdigest()}  {name}\n")
    pinned.write_text("".join(lines))
    monkeypatch.setattr(subject, "PROJECT", tmp_path)
    monkeypatch.setattr(subject, "PINNED", pinned)
    return folder


def test_what_is_pinned_is_taken(jars: Path) -> None:
    subject.require_pinned(jars)


def test_a_changed_library_is_refused(jars: Path) -> None:
    (jars / "a.jar").write_text("something else")
    with pytest.raises(OperatorError, match=r"a\.jar differ"):
        subject.require_pinned(jars)


def test_a_missing_and_an_unknown_library_are_refused(jars: Path) -> None:
    (jars / "b.jar").rename(jars / "c.jar")
    with pytest.raises(OperatorError, match=r"b\.jar, c\.jar differ"):
        subject.require_pinned(jars)


def test_without_maven_it_is_said_where_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOSECAST_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OperatorError, match=r"there is no Maven on PATH.*\n.*the package maven"):
        subject.libraries()


def test_a_maven_that_fails_is_quoted_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    maven = tmp_path / "bin" / "mvn"
    maven.parent.mkdir()
    maven.write_text("#!/bin/sh\necho '[ERROR] no such host'\nexit 1\n")
    maven.chmod(0o755)
    monkeypatch.setenv("CLOSECAST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(maven.parent), prepend=":")
    # then
    with pytest.raises(subject.UnreachableError, match="no such host"):
        subject.libraries()
    assert list((tmp_path / "cache").iterdir()) == []
