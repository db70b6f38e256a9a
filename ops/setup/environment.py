"""Create the Python environments from the hashed locks, and check whether they match them."""

import hashlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ops.errors import OperatorError
from ops.paths import PROJECT, PYTHON, VENV, VENV_CHECKS, VENV_LOCALSTACK
from ops.setup import runtime
from ops.setup.tools import tool

_NEVER_IMPORTED = "/tests?/"


@dataclass(frozen=True)
class Environment:
    """A virtual environment and its lock."""

    folder: Path
    lock: Path
    editable: bool = False

    @property
    def _marker(self) -> Path:
        return self.folder / ".locks" / self.lock.name

    def _wanted(self) -> str:
        parts = (_version(runtime.interpreter()), str(self._place()), str(PROJECT))
        return hashlib.sha256(self.lock.read_bytes() + "\0".join(parts).encode()).hexdigest()

    def _place(self) -> Path:
        """The real folder: root's environments are where the services' accounts can reach them."""
        elsewhere = runtime.environments()
        return elsewhere / self.folder.name.removeprefix(".") if elsewhere else self.folder

    def is_ready(self) -> bool:
        """Whether an installation of this lock, with this Python, in this place, was completed."""
        return self._marker.exists() and self._marker.read_text() == self._wanted()

    def ensure(self) -> None:
        """Prepare it where it is not ready."""
        if not self.is_ready():
            self.prepare()

    def program(self, name: str) -> Path:
        """An executable of the environment."""
        return self.folder / "bin" / name

    def prepare(self) -> None:
        """Create or update the environment. Raises OperatorError naming the problem: disk, network or hash."""
        uv = tool("uv")
        self._link()
        place, wanted = self._place(), runtime.interpreter()
        python = place / "bin" / "python"
        if not _runs(python, _version(wanted)):
            _run([uv, "venv", "--quiet", "--clear", "--python", wanted, str(place)])
        install = [uv, "pip", "install", "--quiet", "--python", str(python)]
        _run([*install, "--require-hashes", "-r", str(self.lock)])
        if self.editable:
            _run([*install, "--no-deps", "--no-build-isolation", "--editable", str(PROJECT)])
        compile_installed(python)
        if place != self.folder:
            runtime.open_to_all(place)
        self._marker.parent.mkdir(exist_ok=True)
        self._marker.write_text(self._wanted())

    def _link(self) -> None:
        """Link the clone's folder to an environment elsewhere, replacing what an earlier version made there."""
        place, folder = self._place(), self.folder
        if place == folder or folder.resolve() == place:
            return
        if folder.is_dir() and not folder.is_symlink():
            shutil.rmtree(folder)
        folder.unlink(missing_ok=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.parent.chmod(0o755)
        folder.symlink_to(place)


RUNTIME = Environment(VENV, PROJECT / "requirements.txt", editable=True)
DEVELOPMENT = Environment(VENV, PROJECT / "requirements-dev.txt", editable=True)
LOCALSTACK = Environment(VENV_LOCALSTACK, PROJECT / "requirements-localstack.txt")
CHECKS = Environment(VENV_CHECKS, PROJECT / "requirements-checks.txt")


def runtime_is_ready() -> bool:
    """Whether the services' environment is ready; the development lock contains the runtime lock."""
    return RUNTIME.is_ready() or DEVELOPMENT.is_ready()


def _runs(python: Path, version: str) -> bool:
    """Whether the environment's interpreter starts: a moved clone or a removed Python leaves a broken link."""
    return python.exists() and _version(str(python)) == version


@cache
def _version(python: str) -> str:
    """The version and base prefix of an interpreter; empty when it does not start."""
    asked = "import sys; print(*sys.version_info[:3], sep='.'); print(sys.base_prefix)"
    done = subprocess.run([python, "-c", asked], capture_output=True, encoding="utf-8", errors="replace", check=False)
    return done.stdout.strip()


def compile_installed(python: Path) -> None:
    """Compile the installed packages: otherwise the first start of every service does, and takes three times as long."""
    folders = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = subprocess.run(
        folders, capture_output=True, encoding="utf-8", errors="replace", check=True
    ).stdout.strip()
    command = [str(python), "-m", "compileall", "-q", "-j", "0", "-x", _NEVER_IMPORTED, packages]
    # Some packages ship templates or files for other Python versions, which don't compile; nothing imports them.
    subprocess.run(command, capture_output=True, check=False, cwd=PROJECT)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False, cwd=PROJECT)
    if done.returncode == 0:
        return
    if done.returncode < 0:
        raise OperatorError(f"{Path(command[0]).name} was ended by signal {-done.returncode}", "run the command again")
    reason = " ".join(done.stderr.split())[-600:]
    if "No space left" in reason or "os error 28" in reason:
        free = shutil.disk_usage(PROJECT).free // 2**20
        raise OperatorError(
            f"the disk below {PROJECT} is full ({free} MB free) while installing the Python environment",
            "free at least 3 GB, then run the command again; what was installed so far is kept",
        )
    raise OperatorError(
        f"the Python environment could not be made from the lock: {reason}",
        "check the connection to the Python package index; a mirror is set with UV_DEFAULT_INDEX; then run it again",
    )


def is_active() -> bool:
    """Whether this process already runs in the services' environment."""
    return Path(sys.prefix).resolve() == VENV.resolve()


__all__ = ["CHECKS", "DEVELOPMENT", "LOCALSTACK", "PYTHON", "RUNTIME", "Environment", "is_active", "runtime_is_ready"]
