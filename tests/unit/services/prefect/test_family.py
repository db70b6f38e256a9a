"""Processes of a worker are known by their environment, whatever became of their parents."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.prefect import family

_SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[dict[str, "subprocess.Popen[bytes]"]]:
    """A flow run of this worker in a session of its own, one of another worker, and one that belongs to none."""
    home, other = str(tmp_path), str(tmp_path / "other")
    marked = {
        "mine": {family.MARK: home, "PREFECT__FLOW_RUN_ID": "run-1"},
        "another's": {family.MARK: other, "PREFECT__FLOW_RUN_ID": "run-2"},
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
    program = f"from services.prefect import family; print(family.end_all({str(tmp_path)!r}))"
    # when
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, family.MARK: str(tmp_path)},
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
    assert family.flow_runs(str(tmp_path)) == {"run-1"}
    # when
    assert family.end_all(str(tmp_path)) == 1
    # then
    assert processes["mine"].wait(10) == -9
    assert family.flow_runs(str(tmp_path)) == set()
    assert processes["another's"].poll() is None
    assert processes["nobody's"].poll() is None
    assert family.end_all(str(tmp_path)) == 0
