"""The table of licences has every package of the locks, and tells when it lacks one."""

from importlib.metadata import Distribution, PathDistribution
from pathlib import Path

import pytest

from ops.docs import licences
from ops.errors import OperatorError
from ops.paths import PROJECT

_LOCKS = ("", "-localstack", "-dev", "-checks", "-tools")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project whose locks have one package, with a table that knows it."""
    for name in _LOCKS:
        (tmp_path / f"requirements{name}.txt").write_text("")
    (tmp_path / "requirements.txt").write_text("some-package==1.2 \\\n    --hash=sha256:00\n")
    (tmp_path / "requirements-dev.txt").write_text("Some.Package==1.2 \\\n    --hash=sha256:00\n")
    (tmp_path / "docs").mkdir()
    made = licences.table(licences.locked(tmp_path), {"some-package": "MIT"})
    (tmp_path / "docs" / "licences.md").write_text(f"text\n\n<!-- Below this line: `just docs licences`. -->\n\n{made}")
    return tmp_path


def test_the_table_has_every_package_of_the_locks() -> None:
    assert len(licences.locked(PROJECT)) > 300
    assert licences.stale(PROJECT) == [], "run `just docs licences` and commit the result"


def test_a_package_of_platform_and_development_is_in_the_table_once(root: Path) -> None:
    assert "| some-package | 1.2 | MIT | platform |" in (root / "docs" / "licences.md").read_text()
    assert licences.stale(root) == []


@pytest.mark.parametrize(
    ("lock", "line", "fault"),
    [
        ("requirements-dev.txt", "other==3 \\\n", "other has no licence entry"),
        ("requirements.txt", "some-package==1.3 \\\n", "some-package is 1.2, 1.3 for platform in the locks"),
        ("requirements-checks.txt", "some-package==1.2 \\\n", "some-package is 1.2 for platform, checks in the locks"),
    ],
)
def test_what_the_table_lacks_is_told(root: Path, lock: str, line: str, fault: str) -> None:
    with (root / lock).open("a") as file:
        file.write(line)
    told = licences.stale(root)
    assert len(told) == 1
    assert told[0].startswith(fault)


def test_a_package_that_is_gone_is_told(root: Path) -> None:
    for name in _LOCKS:
        (root / f"requirements{name}.txt").write_text("")
    assert licences.stale(root) == ["some-package is in no lock any more"]


def test_no_table_is_made_while_nothing_tells_a_licence(root: Path) -> None:
    with pytest.raises(OperatorError, match=r"nothing tells the licence of some-package"):
        licences.table(licences.locked(root), {})


def _package(folder: Path, metadata: str) -> Distribution:
    (folder / "METADATA").write_text(f"Name: one\nVersion: 1\n{metadata}")
    return PathDistribution(folder)


@pytest.mark.parametrize(
    ("metadata", "licence"),
    [
        ("License-Expression: Apache-2.0 OR MIT\nLicense: other\n", "Apache-2.0 OR MIT"),
        ("License: The MIT License\n", "MIT"),
        ("License: Artistic License\n", "Artistic License"),
        ("License: UNKNOWN\nClassifier: License :: OSI Approved :: BSD License\n", "BSD"),
        (
            "Classifier: License :: OSI Approved :: MIT License\n"
            "Classifier: License :: OSI Approved :: Apache Software License\n",
            "MIT or Apache-2.0",
        ),
        ("Classifier: License :: OSI Approved\n", None),
        ("", None),
    ],
)
def test_a_licence_is_read_where_the_package_names_it(tmp_path: Path, metadata: str, licence: str | None) -> None:
    assert licences.licence(_package(tmp_path, metadata)) == licence
