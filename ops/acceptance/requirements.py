"""The requirements of requirements.toml, each with the command that shows it."""

import re
import shlex
import sys
import tomllib
from pathlib import Path
from typing import Literal, get_args

import msgspec

from ops import paths
from ops.errors import OperatorError

FILE = Path(__file__).with_name("requirements.toml")
Area = Literal["data", "training", "serving", "UI", "monitoring", "infrastructure", "CI/CD", "testing", "go-live"]
AREAS: tuple[Area, ...] = get_args(Area)
# As `just test` chooses, and by marker.
_SUITES = {"": "not e2e and not index and not slow", "slow": "slow", "e2e": "e2e", "index": "index"}
_PASSED = r"(\d+ passed)"


class Requirement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A requirement, and a recipe (`just`) or a selection of tests (`tests`, `mark`) that shows it."""

    area: Area
    id: str
    says: str
    just: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    mark: Literal["", "slow", "e2e", "index"] = ""
    needs: Literal["nothing", "platform"] = "nothing"
    prints: str = ""

    def __post_init__(self) -> None:
        if bool(self.just) == bool(self.tests):
            raise ValueError(f"{self.name}: give either `just` or `tests`")
        if self.mark and not self.tests:
            raise ValueError(f"{self.name}: `mark` belongs to `tests`")
        if self.tests and (self.mark == "e2e") != (self.needs == "platform"):
            raise ValueError(f"{self.name}: tests marked e2e need the platform, and no others do")
        try:
            groups = re.compile(self.prints).groups
        except re.error as error:
            raise ValueError(f"{self.name}: `prints` is no regular expression: {error}") from error
        if self.prints and groups != 1:
            raise ValueError(f"{self.name}: `prints` has {groups} groups instead of one")

    @property
    def name(self) -> str:
        """`<area>/<id>`, which is unique."""
        return f"{self.area}/{self.id}"

    @property
    def figure(self) -> str:
        """The regular expression of what to show of the output; empty for nothing."""
        return self.prints or (_PASSED if self.tests else "")

    @property
    def shown(self) -> str:
        """The command, as a person would type it."""
        if self.just:
            return shlex.join(["just", *self.just])
        return shlex.join(["pytest", *(["-m", self.mark] if self.mark else []), *self.tests])

    @property
    def command(self) -> list[str]:
        """The command, to be run in the project's folder."""
        if self.just:
            return [sys.executable, str(paths.PROJECT / "just"), *self.just]
        pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--no-skips"]
        return [*pytest, "-m", _SUITES[self.mark], *self.tests]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    requirement: tuple[Requirement, ...]


def load(file: Path = FILE) -> tuple[Requirement, ...]:
    """The requirements in `file`, by area. Raises OperatorError naming what is wrong with it."""
    remedy = f"correct {file.name}; its first lines say what a row has"
    try:
        found = msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), _File).requirement
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise OperatorError(f"{file.name} is not valid: {error}", remedy) from error
    names = [one.name for one in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise OperatorError(f"{file.name} has {', '.join(twice)} twice", remedy)
    return tuple(sorted(found, key=lambda one: AREAS.index(one.area)))
