"""Find or install a program written in Go: on PATH, from its official release, or built from its module."""

import fcntl
import hashlib
import io
import os
import platform
import re
import shutil
import subprocess
import tarfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ops.cli.progress import say
from ops.errors import OperatorError
from ops.paths import PROJECT, cache

_ORIGINS = {
    "PATH": "found on PATH",
    "release": "official release, checksum verified",
    "built": "built from the Go module",
}
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Binary:
    """A usable executable and its origin ("PATH", "release" or "built")."""

    title: str
    path: Path
    version: str
    origin: str

    def __str__(self) -> str:
        return f"{self.title} {self.version} at {self.path} ({_ORIGINS[self.origin]})"


class _UnavailableError(Exception):
    """One way of getting the program is not available on this machine."""


@dataclass(frozen=True)
class Program:
    """A program to install. Its folder below `ops` holds the go.mod and go.sum it is built from."""

    name: str  # of the executable, of its folder below `ops` and of the package of most systems
    title: str
    version: str
    oldest: tuple[int, int]  # major and minor version that a program on PATH must have
    releases: str  # address of the folder of all releases; CLOSECAST_<NAME>_RELEASES names another
    archive: str  # below it, with {version} and {system}, or {dashed} (linux-amd64)
    checksums: Mapping[str, str]  # by system, such as linux_amd64: SHA-256 (64 digits) or SHA-512 (128)
    module: str = ""  # none: it is not built here
    build: str = ""  # how long it takes, for messages
    flags: tuple[str, ...] = ()  # of `go build`
    links_c: bool = True  # when built; without, the program runs in any container of its system
    also_named: tuple[str, ...] = ()  # the executable in packages of some systems
    ask: str = "version"  # the argument that makes it tell its version
    member: str = "{name}"  # its place in the archive

    def find(self) -> Binary | None:
        """Find the executable: on PATH (if new enough), else in the cache."""
        for name in (self.name, *self.also_named):
            on_path = shutil.which(name)
            if on_path and (version := _version(Path(on_path), self.ask)) and self._is_new_enough(version):
                return Binary(self.title, Path(on_path), version, "PATH")
        for origin in ("release", "built"):
            binary = self._cached(origin)
            if version := _version(binary, self.ask):
                return Binary(self.title, binary, version, origin)
        return None

    def find_or_install(self) -> Binary:
        """Find the executable, else download it, else build it. Raises OperatorError saying why each way failed."""
        found = self.find()
        if found:
            return found
        with self._only_one():
            # Another clone may have installed it meanwhile.
            return self.find() or self._install()

    @contextmanager
    def _only_one(self) -> Iterator[None]:
        """Lock the cache, which clones share: parallel installations would delete each other's build folder."""
        cache().mkdir(parents=True, exist_ok=True)
        with (cache() / f"{self.name}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say(f"another command is installing {self.title}; waiting for it")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _install(self) -> Binary:
        reasons = []
        ways = [("release", self._download)] + ([("built", self._build)] if self.module else [])
        for origin, install in ways:
            try:
                install(self._cached(origin))
            except _UnavailableError as error:
                reasons.append(str(error))
                continue
            return Binary(self.title, self._cached(origin), self.version, origin)
        raise OperatorError(
            f"there is no {self.title} {self.oldest[0]}.{self.oldest[1]} or newer on PATH and none could be installed: "
            + "; ".join(reasons),
            f"install {self.title} from your package manager{', or Go 1.25 or newer so that it can be built,' if self.module else ''} "
            "and run the command again",
        )

    def describe(self) -> str:
        """One line for `doctor`: where it is, or how `up` will get it."""
        found = self.find()
        if found:
            return str(found)
        go = shutil.which("go")
        if go and self.module:
            way = f"or built with Go at {go}"
        elif self.module:
            way = "there is no Go on PATH to build it with, so the release site must answer"
        else:
            way = f"or install the package {(*self.also_named, self.name)[0]}"
        return f"{self.title} {self.version} is not here yet; `up` downloads the official release, {way}"

    def _cached(self, origin: str) -> Path:
        return cache() / f"{self.name}-{self.version}-{origin}" / self.name

    def _is_new_enough(self, version: str) -> bool:
        major, minor, _ = version.split(".")
        return (int(major), int(minor)) >= self.oldest

    def _download(self, target: Path) -> None:
        system = f"{platform.system().lower()}_{_MACHINES.get(platform.machine(), platform.machine())}"
        wanted = self.checksums.get(system)
        if wanted is None:
            raise _UnavailableError(f"no release of {self.title} {self.version} is pinned for {system}")
        site = os.environ.get(f"CLOSECAST_{self.name.upper()}_RELEASES", self.releases)
        dashed = system.replace("_", "-")
        url = f"{site}/{self.archive.format(version=self.version, system=system, dashed=dashed)}"
        try:
            with urllib.request.urlopen(url, timeout=15) as answer:  # nosec B310
                archive = answer.read()
        except (urllib.error.URLError, OSError) as error:
            raise _UnavailableError(f"the release could not be downloaded ({error})") from error
        algorithm = "sha256" if len(wanted) == 64 else "sha512"
        digest = hashlib.new(algorithm, archive).hexdigest()
        if digest != wanted:
            raise OperatorError(
                f"{url} has {algorithm.upper()} {digest}, but {wanted} is pinned",
                "do not use this download; check what stands between this machine and the release site",
            )
        member = self.member.format(name=self.name, version=self.version, dashed=dashed)
        _place(_member(archive, member), target)

    def _build(self, target: Path) -> None:
        go = shutil.which("go")
        if not go:
            raise _UnavailableError("and there is no Go on PATH to build it with")
        say(f"building {self.title} {self.version} from its Go module ({self.build}, once per machine)")
        folder = target.parent / "build"
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("go.mod", "go.sum"):
            shutil.copyfile(PROJECT / "ops" / "setup" / self.name / name, folder / name)
        command = [go, "build", "-mod=mod", *self.flags, "-o", self.name, self.module]
        environment = os.environ if self.links_c else {**os.environ, "CGO_ENABLED": "0"}
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if done.returncode:
            raise _UnavailableError("go build failed: " + " ".join(done.stderr.split())[-400:])
        (folder / self.name).replace(target)
        shutil.rmtree(folder)


def _version(binary: Path, ask: str) -> str | None:
    """The program's version from its own output: `Nomad v1.11.3`, `v2.10.2 h1:…`, `prometheus, version 2.42.0+ds (…`."""
    if not binary.exists():
        return None
    done = subprocess.run([str(binary), ask], capture_output=True, encoding="utf-8", errors="replace", check=False)
    match = re.search(r"\bv?(\d+\.\d+\.\d+)", done.stdout)
    return match.group(1) if match else None


def _member(archive: bytes, name: str) -> bytes:
    """The file `name` of a zip or a gzipped tar archive."""
    content = io.BytesIO(archive)
    if zipfile.is_zipfile(content):
        with zipfile.ZipFile(content) as zipped:
            return zipped.read(name)
    content.seek(0)
    with tarfile.open(fileobj=content, mode="r:gz") as tarred:
        member = tarred.extractfile(name)
        assert member is not None  # an archive with the right checksum holds the program as a file
        return member.read()


def _place(binary: bytes, target: Path) -> None:
    """Write to a temporary file first, so that an interruption never leaves half an executable under the final name."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    partial.write_bytes(binary)
    partial.chmod(0o755)
    partial.replace(target)
