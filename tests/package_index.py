"""The package index, for tests that make Python environments."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

_BIN = Path(sys.executable).parent


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A package index that can be reached; with none there is nothing to make an environment of."""
    target = tmp_path_factory.mktemp("index")
    command = [
        str(_BIN / "uv"),
        "pip",
        "install",
        "--dry-run",
        "--no-cache",
        "--no-deps",
        "--target",
        str(target),
        f"lightgbm=={version('lightgbm')}",
    ]
    found = subprocess.run(
        command, env={**os.environ, "UV_HTTP_TIMEOUT": "10"}, capture_output=True, text=True, timeout=120
    )
    if found.returncode:
        pytest.skip(f"no package index can be reached: {found.stderr.strip()[-300:]}")
