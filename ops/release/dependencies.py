"""What an installation of the wheel consists of: its dependencies, and theirs, in the versions that the tests ran with."""

from importlib.metadata import distribution
from pathlib import Path
from zipfile import ZipFile

from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def of_wheel(wheel: Path) -> list[PackageURL]:
    """The distributions that `wheel` needs, as they are installed here, sorted by name."""
    with ZipFile(wheel) as files:
        name = next(one for one in files.namelist() if one.endswith(".dist-info/METADATA"))
        lines = files.read(name).decode().partition("\n\n")[0].splitlines()
    asked = [Requirement(line.partition(": ")[2]) for line in lines if line.startswith("Requires-Dist: ")]
    found: dict[str, str] = {}
    todo = [(one, "") for one in asked]
    seen = set()
    while todo:
        wanted, extra = todo.pop()
        key = (canonicalize_name(wanted.name), frozenset(wanted.extras))
        if key in seen or (wanted.marker and not wanted.marker.evaluate({"extra": extra})):
            continue
        seen.add(key)
        installed = distribution(wanted.name)
        found[key[0]] = installed.version
        for line in installed.requires or ():
            todo += [(Requirement(line), one) for one in ("", *wanted.extras)]
    return [PackageURL("pypi", None, name, number) for name, number in sorted(found.items())]
