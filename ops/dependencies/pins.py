"""Packages and versions that the locks and the images' bills of materials name."""

import json
import re
from collections.abc import Iterable
from pathlib import Path

from ops.errors import OperatorError

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
_OURS = "closecast"  # in no index

Pin = tuple[str, str]
"""Name and version."""


def of_lock(file: Path) -> set[Pin]:
    """The pins of a hashed lock. Raises OperatorError when it has none."""
    found = set(_PIN.findall(file.read_text()))
    if not found:
        raise OperatorError(f"{file.name} pins nothing", "run `just lock`")
    return found


def of_bill(file: Path) -> tuple[set[Pin], int]:
    """The Python packages of a bill of materials in CycloneDX's format, and how many others it lists.

    Raises OperatorError when it is no such file.
    """
    try:
        components = [(one["purl"], one["name"], one["version"]) for one in json.loads(file.read_text())["components"]]
    except (ValueError, KeyError, TypeError) as error:
        raise OperatorError(f"{file} is no bill of materials ({error!r})", "run `just images`") from error
    python = {
        (name, version) for purl, name, version in components if purl.startswith("pkg:pypi/") and name.lower() != _OURS
    }
    return python, sum(not purl.startswith("pkg:pypi/") for purl, *_ in components)


def text(pins: Iterable[Pin]) -> str:
    """Pins as a requirements file."""
    return "".join(f"{name}=={version}\n" for name, version in sorted(pins))
