"""Processes of a worker are known by their environment, whatever became of their parents."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.prefect import run_processes

_SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[dict[str, "subprocess.Popen[bytes]"]]:
    """A flow run of this worker in a session of its own, one of another worker, and one that belongs to none."""
    home, other = str(tmp_path), str(tmp_path / "other")
    marked = {
        "mine": {run_processes.WORKER_VARIABLE: home, "PREFECT__FLOW_RUN_ID": "run-1"},
        "another's": {run_processes.WORKER_VARIABLE: other, "PREFECT__FLOW_RUN_ID": "run-2"},
        "nobody's": {"PREFECT__FLOW_RUN_ID": "run-3"},
    }
    started = {
        whose: subprocess.Popen(_SLEEP, env={**os.environ, **environment}, start_new_session=True)
        for whose, environment in marked.items()
    }
    yield started
    for process in started.values():
        process.kill()
        process.wait()


def test_whoever_ends_them_is_spared(tmp_path: Path) -> None:
    # given one of the family that ends the family
    program = f"from services.prefect import run_processes; print(run_processes.kill_all({str(tmp_path)!r}))"
    # when
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, run_processes.WORKER_VARIABLE: str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    # then
    assert done.stdout == "0\n"


def test_only_the_workers_own_are_seen_and_ended(
    processes: dict[str, "subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    # given
    assert run_processes.flow_runs(str(tmp_path)) == {"run-1"}
    # when
    assert run_processes.kill_all(str(tmp_path)) == 1
    # then
    assert processes["mine"].wait(10) == -9
    assert run_processes.flow_runs(str(tmp_path)) == set()
    assert processes["another's"].poll() is None
    assert processes["nobody's"].poll() is None
    assert run_processes.kill_all(str(tmp_path)) == 0
