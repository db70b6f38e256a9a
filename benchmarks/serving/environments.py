"""Create the environments of the compared servers, each with pinned packages."""

import hashlib
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ops.errors import OperatorError
from ops.paths import cache
from ops.setup.tools import tool

PYTHON = "3.11"  # the newest that all of them run on
_LIGHTGBM = "lightgbm==4.7.0"


@dataclass(frozen=True)
class PeerEnvironment:
    """A virtual environment in the cache that all clones share."""

    name: str
    packages: tuple[str, ...]

    @property
    def folder(self) -> Path:
        digest = hashlib.sha256(" ".join(self.packages).encode()).hexdigest()[:8]
        return cache() / "peers" / f"{self.name}-{digest}"

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    def prepare(self) -> None:
        """Install it unless it is complete. Raises OperatorError with uv's message."""
        done = self.folder / "complete"
        if done.exists():
            return
        uv = tool("uv")
        print(f"installing {self.name} into an environment of its own", flush=True)
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        _run([uv, "venv", "--quiet", "--clear", "--python", PYTHON, str(self.folder)])
        _run([uv, "pip", "install", "--quiet", "--python", str(self.bin / "python"), *self.packages])
        done.touch()

    def versions(self) -> dict[str, str]:
        """All installed packages with their versions."""
        listed = _run([tool("uv"), "pip", "list", "--quiet", "--format", "json", "--python", str(self.bin / "python")])
        return {entry["name"]: entry["version"] for entry in json.loads(listed)}


MLFLOW = PeerEnvironment("mlflow", ("mlflow==3.17.2", _LIGHTGBM, "pandas<3"))
MLSERVER = PeerEnvironment("mlserver", ("mlserver==1.7.1", "mlserver-lightgbm==1.7.1", _LIGHTGBM))
BENTOML = PeerEnvironment("bentoml", ("bentoml==1.4.40", _LIGHTGBM, "numpy==2.4.6"))
FASTAPI = PeerEnvironment(
    "fastapi",
    (
        "fastapi==0.139.2",
        "pydantic==2.14.4",
        "uvicorn==0.54.0",
        "uvloop==0.23.0",
        "httptools==0.9.0",
        _LIGHTGBM,
        "numpy==2.4.6",
    ),
)
ALL = (MLFLOW, MLSERVER, BENTOML, FASTAPI)


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OperatorError(
            f"a peer's environment could not be made: {' '.join(done.stderr.split())[-500:]}",
            "check the connection to the Python package index; a mirror is set with UV_DEFAULT_INDEX",
        )
    return done.stdout
