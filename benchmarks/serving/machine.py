"""The environment of the measurements: machine, versions, model."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from benchmarks.serving import environments, load, process
from benchmarks.serving.context import Context

_OWN = ("uvicorn", "uvloop", "httptools", "litestar", "msgspec", "lightgbm", "numpy")
_PEERS = {
    environments.MLFLOW: ("mlflow", "fastapi", "uvicorn", "pandas"),
    environments.MLSERVER: ("mlserver", "mlserver-lightgbm", "fastapi", "pydantic"),
    environments.BENTOML: ("bentoml",),
    environments.FASTAPI: ("fastapi", "pydantic", "uvicorn", "uvloop", "httptools"),
}


def describe(context: Context, source: str) -> dict[str, Any]:
    """Facts for the page, as JSON values."""
    return {
        "system": f"{platform.system()} {platform.machine()}, {_processor()}",
        "cores": os.cpu_count(),
        "gib": round(psutil.virtual_memory().total / 2**30),
        "python": platform.python_version(),
        "server_core": context.server_core,
        "load_core": context.load_core,
        "priority": process.PRIORITY if process.may_favour() else 0,
        "versions": {name: version(name) for name in _OWN},
        "peers": {
            peer.name: {name: peer.versions()[name] for name in names}
            for peer, names in _PEERS.items()
            if peer.folder.exists()
        },
        "wrk": _wrk(),
        "source": source,
        "models": [context.own.label, context.large.label],
        "deals_asked": len(context.own.features),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def _wrk() -> str:
    # wrk prints its version only with its usage, and exits with a failure.
    printed = subprocess.run([load.require_wrk(), "-v"], capture_output=True, text=True, check=False).stdout
    return printed.partition("[")[0].strip()
