"""The licences of the packages in the locks: the table in docs/licences.md, from what the packages say of themselves."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

from ops.errors import OperatorError
from ops.paths import LOCAL, PROJECT
from ops.setup import environment

_PAGE = Path("docs", "licences.md")
_MARK = "<!-- Below this line: `just docs licences`. -->"
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\\s]+)", re.MULTILINE)
_HEAD = "| package | version | licence | for |\n|---|---|---|---|\n"
_ROW = re.compile(r"^\| ([a-z0-9-]+) \| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)
# What each lock is for; of the images', which are parts of the first two, the names are left out.
_USES = {
    "requirements.txt": "platform",
    "requirements-localstack.txt": "LocalStack",
    "requirements-dev.txt": "development",
    "requirements-checks.txt": "checks",
    "requirements-tools.txt": "tools",
}
# As their files say: the metadata do not, or the package is for another system or Python than the one that asks. The
# second licence of axe-playwright-python is that of the axe-core in it.
_READ_BY_HAND = {
    "axe-playwright-python": "MIT AND MPL-2.0",
    "httpcore2": "BSD-3-Clause",
    "httpx2": "BSD-3-Clause",
    "httpx2-jsfetch": "BSD-3-Clause",
    "huey": "MIT",
    "pywin32": "PSF-2.0",
    "rich-click": "MIT",
    "rust-just": "CC0-1.0",
    "skops": "MIT",
    "truststore": "MIT",
    "twisted-iocpsupport": "MIT",
    "waitress": "ZPL-2.1",
    "whenever": "MIT",
}
# Other spellings of the same, by identifier (SPDX) where there is one for what is meant.
_SPELLINGS = {
    "Apache-2.0": (
        "apache 2",
        "apache 2.0",
        "apache license",
        "apache license 2.0",
        "apache license, version 2.0",
        "apache software license",
        "asl 2",
        "license :: osi approved :: apache software license",
    ),
    "BSD": ("bsd", "bsd license", "modified bsd license"),
    "BSD-2-Clause": ("2-clause bsd", "bsd 2-clause license"),
    "BSD-3-Clause": ("3-clause bsd license", "bsd 3", "bsd 3-clause license"),
    "ISC": ("isc", "isc license", "isc license (iscl)"),
    "MIT": ("mit", "mit licence", "mit license", "the mit license", "the mit license (mit)"),
    "MPL-2.0": ("mozilla public license 2.0 (mpl 2.0)",),
    "PSF-2.0": ("psf", "psf license", "psfl", "python software foundation license"),
}
_IDENTIFIERS = {spelling: identifier for identifier, spellings in _SPELLINGS.items() for spelling in spellings}


@dataclass(frozen=True)
class Package:
    """A package of the locks: its versions, and the locks that have it."""

    name: str
    versions: tuple[str, ...]
    uses: tuple[str, ...]


def write() -> int:
    """Write the table of docs/licences.md from the locks and the installed packages."""
    environment.LOCALSTACK.ensure()
    environment.CHECKS.ensure()
    page = PROJECT / _PAGE
    text = page.read_text(encoding="utf-8").partition(_MARK)[0].rstrip()
    page.write_text(f"{text}\n\n{_MARK}\n\n{table(locked(PROJECT), _installed())}", encoding="utf-8")
    print(f"{_PAGE} written")
    return 0


def table(packages: Iterable[Package], told: Mapping[str, str]) -> str:
    """The packages with their licences, as Markdown. Raises OperatorError naming those whose licence nobody tells."""
    licences = {**told, **_READ_BY_HAND}
    rows = []
    unknown = []
    for one in packages:
        if one.name not in licences:
            unknown.append(one.name)
            continue
        rows.append(f"| {one.name} | {', '.join(one.versions)} | {licences[one.name]} | {', '.join(one.uses)} |")
    if unknown:
        raise OperatorError(
            f"nothing tells the licence of {', '.join(unknown)}",
            "read it in their source, and enter it in ops/docs/licences.py",
        )
    return _HEAD + "\n".join([*rows, ""])


def stale(root: Path) -> list[str]:
    """What the locks below `root` and the table in its docs/licences.md disagree about, a sentence each."""
    rows = {
        name: (versions, uses)
        for name, versions, _, uses in _ROW.findall((root / _PAGE).read_text(encoding="utf-8").partition(_HEAD)[2])
    }
    wanted = {one.name: (", ".join(one.versions), ", ".join(one.uses)) for one in locked(root)}
    missing = [f"{name} has no licence entry" for name in wanted.keys() - rows.keys()]
    gone = [f"{name} is in no lock any more" for name in rows.keys() - wanted.keys()]
    other = [
        f"{name} is {' for '.join(wanted[name])} in the locks, and {' for '.join(rows[name])} in the table"
        for name in wanted.keys() & rows.keys()
        if wanted[name] != rows[name]
    ]
    return sorted([*missing, *gone, *other])


def locked(root: Path) -> list[Package]:
    """The packages of all locks below `root`, by name."""
    versions: dict[str, dict[str, None]] = {}
    uses: dict[str, dict[str, None]] = {}
    for lock, use in _USES.items():
        for name, version in _PIN.findall((root / lock).read_text(encoding="utf-8")):
            plain = _plain(name)
            versions.setdefault(plain, {})[version] = None
            # What the platform needs, those who develop it have too: that goes without saying.
            if use != "development" or "platform" not in uses.get(plain, ()):
                uses.setdefault(plain, {})[use] = None
    return [Package(name, tuple(sorted(versions[name])), tuple(uses[name])) for name in sorted(versions)]


def licence(package: Distribution) -> str | None:
    """The licence as the package names it, by its identifier where that is clear; None if it says nothing."""
    expression, text = _said(package, "License-Expression"), _said(package, "License")
    if expression:
        return expression
    if text and text.upper() != "UNKNOWN" and "\n" not in text and len(text) <= 60:
        return _identifier(text)
    classifiers = [
        one for one in package.metadata.get_all("Classifier", []) if one.startswith("License :: OSI Approved ::")
    ]
    return " or ".join(dict.fromkeys(_identifier(one.rpartition(" :: ")[2]) for one in classifiers)) or None


def _said(package: Distribution, field: str) -> str:
    return package.metadata[field].strip() if field in package.metadata else ""


def _identifier(text: str) -> str:
    return _IDENTIFIERS.get(text.lower(), text)


def _installed() -> dict[str, str]:
    """The licences of the packages in the project's environments."""
    found = {}
    for folder in (LOCAL / "tools", *(one.folder for one in _ENVIRONMENTS)):
        for package in distributions(path=[str(path) for path in folder.glob("lib/python*/site-packages")]):
            told = licence(package)
            if told is not None:
                found[_plain(package.metadata["Name"])] = told
    return found


_ENVIRONMENTS = (environment.LOCALSTACK, environment.CHECKS, environment.DEVELOPMENT)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
