"""Each requirement is valid, and its command is there: a recipe of the Justfile, or tests of the suite that it names."""

import re
from pathlib import Path

import pytest

from ops.acceptance import requirements
from ops.acceptance.requirements import AREAS, Requirement
from ops.errors import OperatorError
from tests.servers.processes import PROJECT

KNOWN = requirements.load()
RECIPES = set(re.findall(r"^([a-z][a-z-]*)[^:=\n]*:(?!=)", (PROJECT / "Justfile").read_text(), re.MULTILINE))
ROW = '[[requirement]]\narea = "data"\nid = "one"\nsays = "It is so"\n'


def test_every_area_of_the_roadmap_has_requirements() -> None:
    assert {one.area for one in KNOWN} == set(AREAS)
    assert [one.area for one in KNOWN] == sorted((one.area for one in KNOWN), key=AREAS.index)


@pytest.mark.parametrize("requirement", [one for one in KNOWN if one.just], ids=lambda one: one.name)
def test_a_recipe_that_is_named_exists(requirement: Requirement) -> None:
    assert requirement.just[0] in RECIPES


def _marked(path: str, mark: str) -> bool:
    place = PROJECT / path.partition("::")[0]
    files = [place] if place.is_file() else place.rglob("test_*.py")
    return any(f"mark.{mark}" in file.read_text() for file in files)


@pytest.mark.parametrize("requirement", [one for one in KNOWN if one.tests], ids=lambda one: one.name)
def test_tests_that_are_named_exist_and_are_of_the_suite(requirement: Requirement) -> None:
    for path in requirement.tests:
        assert (PROJECT / path).exists(), path
    assert not requirement.mark or any(_marked(path, requirement.mark) for path in requirement.tests)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("", "give either `just` or `tests`"),
        ('just = ["check"]\ntests = ["tests"]\n', "give either `just` or `tests`"),
        ('just = ["check"]\nmark = "slow"\n', "`mark` belongs to `tests`"),
        ('tests = ["tests/e2e"]\nmark = "e2e"\n', "tests marked e2e need the platform"),
        ('tests = ["tests/unit"]\nneeds = "platform"\n', "tests marked e2e need the platform"),
        ('just = ["check"]\nprints = "("\n', "`prints` is no regular expression"),
        ('just = ["check"]\nprints = "passed"\n', "`prints` has 0 groups instead of one"),
        ('just = ["check"]\nshows = "x"\n', "contains unknown field `shows`"),
        ('just = ["check"]\narea = "data"\n', "not valid"),
        (f'just = ["check"]\n{ROW}just = ["map"]\n', "has data/one twice"),
    ],
)
def test_a_wrong_row_is_told(row: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "requirements.toml"
    file.write_text(ROW + row)
    with pytest.raises(OperatorError, match=re.escape(words)):
        requirements.load(file)


def test_the_command_is_shown_as_it_is_typed_and_leaves_nothing_out_that_it_names() -> None:
    slow = Requirement("data", "one", "It is so", tests=("tests/unit",), mark="slow")
    assert slow.shown == "pytest -m slow tests/unit"
    assert slow.command[-3:] == ["-m", "slow", "tests/unit"]
    assert "--no-skips" in slow.command
    fast = Requirement("data", "one", "It is so", tests=("tests/unit",))
    assert fast.shown == "pytest tests/unit"
    assert fast.command[-2] == "not e2e and not index and not slow"
    assert Requirement("data", "one", "It is so", just=("check", "a b")).shown == "just check 'a b'"
