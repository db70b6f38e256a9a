"""Processes that a benchmark has started."""

import os
import signal
import subprocess


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a process that still runs, with its children: first as Ctrl-C does, so that servers can stop."""
    for step in (signal.SIGINT, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, step)
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                continue
