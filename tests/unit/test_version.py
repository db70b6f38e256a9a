"""The version of the code comes from the tags of its clone, and is the same without the clone."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import closecast
from closecast import version
from tests.servers.processes import PROJECT


def _git(project: Path, *arguments: str) -> str:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
    done = subprocess.run(["git", "-C", str(project), *who, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with one commit and no tag."""
    project = tmp_path / "project"
    (project / "closecast").mkdir(parents=True)
    _git(tmp_path, "init", "--quiet", str(project))
    _commit(project, "first")
    return project


def _commit(project: Path, text: str) -> str:
    (project / "closecast" / "file").write_text(text)
    _git(project, "add", ".")
    _git(project, "commit", "--quiet", "--message", text)
    return _git(project, "rev-parse", "--short=12", "HEAD")


def test_a_tagged_commit_has_the_version_of_its_tag_and_later_ones_count_from_it(clone: Path) -> None:
    # given a tag, and other tags that are no versions
    _git(clone, "tag", "v0.2.0")
    _git(clone, "tag", "latest")
    assert version.current(clone) == "0.2.0"
    # when
    second = _commit(clone, "second")
    third = _commit(clone, "third")
    # then
    assert version.current(clone) == f"0.2.0.post2+g{third}"
    assert version.of_commit(clone, second) == f"0.2.0.post1+g{second}"
    assert version.of_commit(clone, "v0.2.0") == "0.2.0"


def test_without_a_tag_it_counts_from_nothing(clone: Path) -> None:
    second = _commit(clone, "second")
    assert version.current(clone) == f"0.0.0.post2+g{second}"


def test_what_is_not_committed_shows(clone: Path) -> None:
    _git(clone, "tag", "v1.0.0rc1")
    commit = _git(clone, "rev-parse", "--short=12", "HEAD")
    (clone / "closecast" / "file").write_text("changed")
    assert version.current(clone) == f"1.0.0rc1+g{commit}.changed"
    assert version.of_commit(clone, "HEAD") == "1.0.0rc1"


def test_a_tag_that_only_looks_like_a_version_is_told(clone: Path) -> None:
    _git(clone, "tag", "v2-beta")
    with pytest.raises(ValueError, match=r"the tag of 'v2-beta-0-g.*' is no version: tag releases as v0\.2\.0"):
        version.current(clone)


def test_a_copy_without_git_says_what_was_noted(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    (copy / "closecast").mkdir(parents=True)
    assert version.current(copy) == "0.0.0+unknown"
    (copy / version.FILE).write_text("0.3.0\n")
    assert version.current(copy) == "0.3.0"


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        ("v0.1.0-0-gabc", "0.1.0"),
        ("v0.1.0-12-gabc", "0.1.0.post12+gabc"),
        ("v0.1.0b2-3-gabc-dirty", "0.1.0b2.post3+gabc.changed"),
    ],
)
def test_versions_are_written_as_the_index_knows_them(described: str, expected: str) -> None:
    assert version.from_description(described) == expected


def test_the_package_tells_the_version_of_its_own_clone() -> None:
    assert closecast.__version__ == version.current(PROJECT)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = closecast.nothing  # type: ignore[attr-defined]


def test_an_installed_package_tells_what_was_installed(tmp_path: Path) -> None:
    # given the library as pip installs it, in a folder that is no clone
    place = tmp_path / "site-packages"
    (place / "closecast").mkdir(parents=True)
    for name in ("__init__.py", "version.py"):
        (place / "closecast" / name).write_text((PROJECT / "closecast" / name).read_text())
    information = place / "closecast-0.4.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: closecast\nVersion: 0.4.0\n")
    asked = "import closecast; print(closecast.__version__)"
    # when
    found = subprocess.run(
        [sys.executable, "-P", "-c", asked], env={"PYTHONPATH": str(place)}, capture_output=True, text=True, check=True
    )
    # then, whatever else is installed
    assert metadata.version("closecast") != "0.4.0"
    assert found.stdout.strip() == "0.4.0"
