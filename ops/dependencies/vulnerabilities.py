"""The command `vulnerabilities`: pip-audit on every lock, and on the bills of materials of the images."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from ops import paths
from ops.cli.arguments import Arguments
from ops.dependencies import pins
from ops.dependencies.pins import Pin
from ops.errors import OperatorError
from ops.images.command import BILLS
from ops.setup.locks import LOCKS

ACCEPTED = paths.PROJECT / "policies" / "advisories.yaml"
SERVICE = "https://api.osv.dev/v1/query"


class Accepted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entry of policies/advisories.yaml: a vulnerability that does no harm here, and until when that was judged."""

    id: str
    why: str
    until: date


@dataclass(frozen=True)
class Advisory:
    """A known vulnerability of a package that is in use."""

    package: Pin
    names: tuple[str, ...]  # its identifiers
    fixed_in: tuple[str, ...]

    def __str__(self) -> str:
        name, version = self.package
        fixed = f"fixed in {', '.join(self.fixed_in)}" if self.fixed_in else "not fixed in any release"
        return f"{name} {version}: {', '.join(self.names)}, {fixed}"


def vulnerabilities(arguments: list[str]) -> int:
    """Look the packages of every lock up in the advisory service; exit status 2 when one has a known vulnerability.

    Exit status 1 when the service does not answer for all of them: then nothing is known.
    """
    given = (
        Arguments("vulnerabilities", vulnerabilities.__doc__)
        .flag("images", "also what the bills of materials of `just images` list")
        .given(arguments)
    )
    used = {lock.file: pins.of_lock(paths.PROJECT / lock.file) for lock in LOCKS}
    if given.images:
        used |= _of_images()
    accepted = _accepted(ACCEPTED)
    every = set().union(*used.values())
    found = ask(used, os.environ.get("CLOSECAST_ADVISORIES", SERVICE))
    open_ = [one for one in found if not accepted & set(one.names)]
    for one in open_:
        where = ", ".join(
            file
            for file, packages in used.items()
            if one.package in {(_normal(name), version) for name, version in packages}
        )
        print(f"✗ {one} (in {where})")
    needless = accepted - {name for one in found for name in one.names}
    for name in sorted(needless):
        print(f"· {name} is accepted in policies/{ACCEPTED.name}, and nothing has it any more: take it out")
    print(
        f"{len(every)} packages of {len(used)} lists: {len(open_)} known vulnerabilities, {len(found) - len(open_)} accepted"
    )
    return 2 if open_ else 0


def ask(used: Mapping[str, set[Pin]], service: str) -> list[Advisory]:
    """The advisories on packages of the lists `used`, sorted. Raises OperatorError unless each was looked up."""
    wanted = {(_normal(name), version) for packages in used.values() for name, version in packages}
    reported = [one for packages in _each_once(wanted) for one in _audited(packages, service)]
    missed = wanted - {(_normal(one["name"]), one["version"]) for one in reported if "version" in one}
    if missed:
        few = ", ".join(name for name, _ in sorted(missed)[:5])
        raise OperatorError(
            f"{len(missed)} of {len(wanted)} packages were not looked up ({few}{', …' if len(missed) > 5 else ''})",
            f"try again; {service} must answer for each of them",
        )
    found = {
        Advisory((_normal(one["name"]), one["version"]), (each["id"], *each["aliases"]), tuple(each["fix_versions"]))
        for one in reported
        for each in one["vulns"]
    }
    return sorted(found, key=str)


def _audited(packages: set[Pin], service: str) -> list[dict[str, Any]]:
    """What pip-audit reports of packages, none of them in two versions. Raises OperatorError when it cannot tell."""
    with tempfile.TemporaryDirectory(prefix="closecast-audit-") as folder:
        file = Path(folder) / "requirements.txt"
        file.write_text(pins.text(packages))
        command = [str(Path(sys.executable).with_name("pip-audit")), "--no-deps", "--disable-pip", "--format", "json"]
        command += ["--progress-spinner", "off", "--vulnerability-service", "osv", "--osv-url", service]
        done = subprocess.run(
            [*command, "--requirement", str(file)], capture_output=True, encoding="utf-8", errors="replace", check=False
        )
    try:
        return list(json.loads(done.stdout)["dependencies"])
    except (ValueError, KeyError) as error:
        reason = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        raise OperatorError(
            f"nothing is known of any vulnerability: pip-audit got no answer from {service} ({reason[-300:]})",
            "try again with a connection to it, or name another service of OSV's interface in CLOSECAST_ADVISORIES",
        ) from error


def _each_once(packages: set[Pin]) -> list[set[Pin]]:
    """Lists that name no package twice, as pip-audit wants them: locks have some in several versions."""
    lists: list[dict[str, str]] = []
    for name, version in sorted(packages):
        free = next((one for one in lists if name not in one), None)
        if free is None:
            free = {}
            lists.append(free)
        free[name] = version
    return [set(one.items()) for one in lists]


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def _of_images() -> dict[str, set[Pin]]:
    files = sorted(BILLS.glob("*.cdx.json"))
    if not files:
        raise OperatorError(
            f"there is no bill of materials in {BILLS.relative_to(paths.PROJECT)}", "run `just images` first"
        )
    found = {}
    for file in files:
        found[f"image {file.name.removesuffix('.cdx.json')}"], others = pins.of_bill(file)
        print(f"{file.name}: {others} Debian packages are not looked up here; the registry scans them on push")
    return found


def _accepted(file: Path) -> set[str]:
    """The identifiers of what is accepted today. Raises OperatorError for an entry that is not complete."""
    try:
        entries = msgspec.yaml.decode(file.read_bytes() or b"[]", type=list[Accepted] | None) or []
    except msgspec.MsgspecError as error:
        raise OperatorError(
            f"policies/{file.name} is not as its comment says: {error}", "give each entry id, why and until (a date)"
        ) from error
    return {one.id for one in entries if one.until >= date.today()}
