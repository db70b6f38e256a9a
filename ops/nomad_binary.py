"""Finds Nomad, or installs it: the one on PATH, else the official release, else built from the pinned Go module."""

import hashlib
import io
import os
import platform
import re
import shutil
import subprocess
import urllib.error
import urllib.request
import zipfile
from dataclasses import dataclass
from pathlib import Path

from ops.errors import OperatorError
from ops.paths import PROJECT, cache
from ops.progress import say

VERSION = "1.11.3"
OLDEST = (1, 8)
# From the publisher's own SHA256SUMS of this release.
SHA256 = {
    "linux_amd64": "19dac5642a2ba5305e6ff8efee06a708d760ebe4d1cd7936bc3dc526f477dc12",
    "linux_arm64": "902e44260fcd9297af7042fb33ccd5a29cc2202b57199724f17c96fcd67414d2",
    "darwin_amd64": "ca8bf44452296db8750b411c73c6d38a872a9fae2632f93164edbc6573433814",
    "darwin_arm64": "8f8bbc6064a039df772fa7daa865185760111d2e2a1f2953ade2b126dff8e5dd",
}
_RELEASES = os.environ.get("CLOSECAST_NOMAD_RELEASES", "https://releases.hashicorp.com/nomad")
_BUILD_MODULE = PROJECT / "ops" / "nomad"


@dataclass(frozen=True)
class Nomad:
    """A usable Nomad executable and where it came from ("PATH", "release" or "built")."""

    path: Path
    version: str
    origin: str

    def __str__(self) -> str:
        source = {
            "PATH": "found on PATH",
            "release": "official release, SHA-256 checked",
            "built": "built from the Go module",
        }
        return f"Nomad {self.version} at {self.path} ({source[self.origin]})"


def find() -> Nomad | None:
    """The Nomad to use if one is already here: PATH first (if new enough), then the cache."""
    on_path = shutil.which("nomad")
    if on_path and (version := _version(Path(on_path))) and _is_new_enough(version):
        return Nomad(Path(on_path), version, "PATH")
    for origin in ("release", "built"):
        binary = _cached(origin)
        if version := _version(binary):
            return Nomad(binary, version, origin)
    return None


def find_or_install() -> Nomad:
    """As `find`, else download, else build. Raises OperatorError saying why each way failed."""
    found = find()
    if found:
        return found
    reasons = []
    for origin, install in (("release", _download), ("built", _build)):
        try:
            install(_cached(origin))
        except _UnavailableError as error:
            reasons.append(str(error))
            continue
        return Nomad(_cached(origin), VERSION, origin)
    raise OperatorError(
        f"there is no Nomad {OLDEST[0]}.{OLDEST[1]} or newer on PATH and none could be installed: "
        + "; ".join(reasons),
        "install Nomad from your package manager, or Go 1.25 or newer so that it can be built, and run the command again",
    )


class _UnavailableError(Exception):
    """One way of getting Nomad is not open on this machine."""


def _cached(origin: str) -> Path:
    return cache() / f"nomad-{VERSION}-{origin}" / "nomad"


def _version(binary: Path) -> str | None:
    if not binary.exists():
        return None
    done = subprocess.run([str(binary), "version"], capture_output=True, text=True, check=False)
    match = re.search(r"Nomad v(\d+\.\d+\.\d+)", done.stdout)
    return match.group(1) if match else None


def _is_new_enough(version: str) -> bool:
    major, minor, _ = version.split(".")
    return (int(major), int(minor)) >= OLDEST


def _download(target: Path) -> None:
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    system = f"{platform.system().lower()}_{machine}"
    if system not in SHA256:
        raise _UnavailableError(f"no release of Nomad {VERSION} is pinned for {system}")
    url = f"{_RELEASES}/{VERSION}/nomad_{VERSION}_{system}.zip"
    try:
        with urllib.request.urlopen(url, timeout=15) as answer:
            archive = answer.read()
    except (urllib.error.URLError, OSError) as error:
        raise _UnavailableError(f"the release could not be downloaded ({error})") from error
    digest = hashlib.sha256(archive).hexdigest()
    if digest != SHA256[system]:
        raise OperatorError(
            f"{url} has SHA-256 {digest}, but {SHA256[system]} is pinned",
            "do not use this download; check what stands between this machine and the release site",
        )
    with zipfile.ZipFile(io.BytesIO(archive)) as content:
        _place(content.read("nomad"), target)


def _build(target: Path) -> None:
    go = shutil.which("go")
    if not go:
        raise _UnavailableError("and there is no Go on PATH to build it with")
    say(f"building Nomad {VERSION} from its Go module (about 4 minutes on two cores, once per machine)")
    folder = target.parent / "build"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("go.mod", "go.sum"):
        shutil.copyfile(_BUILD_MODULE / name, folder / name)
    command = [go, "build", "-mod=mod", "-tags", "ui", "-o", "nomad", "github.com/hashicorp/nomad"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise _UnavailableError("go build failed: " + " ".join(done.stderr.split())[-400:])
    (folder / "nomad").replace(target)
    shutil.rmtree(folder)


def _place(binary: bytes, target: Path) -> None:
    """Write to a neighbour first, so that an interruption never leaves half an executable under the final name."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    partial.write_bytes(binary)
    partial.chmod(0o755)
    partial.replace(target)
