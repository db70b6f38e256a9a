"""Processes that a benchmark has started."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ops.errors import OperatorError


def stage(module: str, name: str, folder: Path, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run `python -m module stage name folder`, and return what it prints last, as JSON.

    `environment` is added to this process's own. Raises OperatorError with the output of one that fails.
    """
    command = [sys.executable, "-m", module, "stage", name, str(folder)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **(environment or {})}
    )
    if done.returncode:
        raise OperatorError(f"the stage {name} failed: {done.stderr.strip()[-2_000:]}", "mend it and run it again")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a process that still runs, with its children: first as Ctrl-C does, so that servers can stop."""
    for step in (signal.SIGINT, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, step)
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                continue
