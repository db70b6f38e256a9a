"""Find `just` and `uv`, or install both from the hashed lock into the project's folder."""

import shutil
import subprocess
import sys
import venv
from pathlib import Path

from ops.errors import OperatorError
from ops.paths import LOCAL, PROJECT

BIN = LOCAL / "tools" / "bin"


def tool(name: str) -> str:
    """Path of the command `name` ("just" or "uv"). Raises OperatorError when it can be neither found nor installed."""
    found = shutil.which(name)
    if found:
        return found
    installed = BIN / name
    if not installed.exists():
        _install()
    return str(installed)


def _install() -> None:
    print("closecast: installing just and uv into .closecast/tools", file=sys.stderr)
    try:
        venv.create(BIN.parent, with_pip=True, clear=True)
    except (subprocess.CalledProcessError, OSError) as error:
        raise OperatorError(
            f"Python at {sys.executable} cannot make a virtual environment in {BIN.parent} ({error})",
            "on Debian and Ubuntu install the package python3-venv; otherwise check that the folder is writable",
        ) from error
    lock = PROJECT / "requirements-tools.txt"
    command = [str(BIN / "python"), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(lock)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
    if done.returncode:
        shutil.rmtree(Path(BIN.parent), ignore_errors=True)
        raise OperatorError(
            f"pip could not install just and uv: {_last_line(done.stderr)}",
            "check the connection to the Python package index (a proxy or mirror is set as for any pip), or put "
            "`just` and `uv` on PATH yourself",
        )


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it printed nothing"
