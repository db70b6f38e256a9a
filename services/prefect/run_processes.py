"""Find and kill the processes of a worker and its flow runs, by their environment, even if their parents have ended."""

import os
import time
from collections.abc import Iterator

import psutil

WORKER_VARIABLE = "CLOSECAST_PREFECT_WORKER"
_RUN = "PREFECT__FLOW_RUN_ID"  # Prefect's own
_END_SECONDS = 10.0


def _members(home: str) -> Iterator[tuple[psutil.Process, dict[str, str]]]:
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        try:
            environment = process.environ()
            if environment.get(WORKER_VARIABLE) == home and process.status() != psutil.STATUS_ZOMBIE:
                yield process, environment
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            continue  # of another account, or just ended


def flow_runs(home: str) -> set[str]:
    """Ids of the flow runs with a process of the worker whose folder is `home`."""
    return {environment[_RUN] for _, environment in _members(home) if _RUN in environment}


def kill_all(home: str, run: str | None = None) -> int:
    """Kill every other process of the worker and its flow runs, or of one `run`; returns their number.

    SIGKILL, because a process that gets SIGTERM would still report its run's state to Prefect.
    Raises TimeoutError naming those that are still alive after ten seconds.
    """
    seen: set[int] = set()
    deadline = time.monotonic() + _END_SECONDS
    while members := [process for process, found in _members(home) if run in (None, found.get(_RUN))]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the processes {[one.pid for one in members]} do not end")
        for process in members:
            seen.add(process.pid)
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        time.sleep(0.05)
    return len(seen)
