"""Run and supervise Prefect's worker: no flow run outlives it, and a run whose process is gone is ended and restarted."""

import logging
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from types import FrameType

import httpx

from closecast.platform.runtime import logs
from services.prefect import run_processes
from services.prefect.failures import Failures
from services.prefect.runs import Runs

_LOG = logging.getLogger("services.prefect.worker")  # it is run as __main__

_LOOK_SECONDS = 10.0
# Seconds from a run's submission to the start of its process, or its last update, on a busy machine.
_BEGIN_SECONDS = 60.0
# Prefect sends SIGTERM and waits 30 s.
_CANCEL_SECONDS = 60.0
# Nomad waits 20 s.
_STOP_SECONDS = 12.0
_COMMAND = (sys.executable, "-m", "services.prefect.pool")


class Worker:
    """A worker process and its runs.

    `home` is its folder and, in the environment, its identifier; `runs` are Prefect's runs; `failures` tells of failed
    ones.
    """

    def __init__(self, home: str, runs: Runs, failures: Failures | None) -> None:
        self._home = home
        self._runs = runs
        self._failures = failures
        self._missing: set[str] = set()
        self._problem = ""
        self._stop_at = 0.0
        self._child: subprocess.Popen[bytes] | None = None

    def live(self) -> int:
        """Run until the worker ends or is stopped; returns the exit status."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        self._kill_processes("of the previous worker")
        # Now no process of this worker runs: runs that Prefect still has as under way are lost.
        while not self._stop_at and not self._look(0.0):
            time.sleep(1)
        if self._stop_at:
            return 0
        self._child = subprocess.Popen(_COMMAND)
        looked = time.monotonic()
        while self._child.poll() is None:
            time.sleep(0.2)
            if self._stop_at and time.monotonic() > self._stop_at:
                break
            if not self._stop_at and time.monotonic() > looked + _LOOK_SECONDS:
                self._look(_BEGIN_SECONDS)
                looked = time.monotonic()
        self._kill_processes("of this worker")
        self._child.wait()
        self._look(0.0)
        return 0 if self._stop_at else self._child.returncode or 1

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stop_at = time.monotonic() + _STOP_SECONDS
        if self._child is not None:
            self._child.terminate()

    def _kill_processes(self, whose: str) -> None:
        if number := run_processes.kill_all(self._home):
            _LOG.info(f"processes {whose} that had to be ended: {number}")

    def _look(self, grace: float) -> bool:
        """End runs without a process for `grace` seconds in two checks, and restart crashed ones.

        Returns whether Prefect answered.
        """
        try:
            self._end_lost(grace)
            for run, name in self._runs.repeat():
                _LOG.info(f"{run.name} crashed ({run.message}); it is tried again as {name}")
            if self._failures is not None:
                self._failures.look()
        except httpx.HTTPError as error:
            problem = f"{type(error).__name__}: {error}"
            if problem != self._problem:
                _LOG.info(f"flow runs cannot be looked at, Prefect does not answer as it should: {problem}")
            self._problem = problem
            return False
        self._problem = ""
        return True

    def _end_lost(self, grace: float) -> None:
        under_way = self._runs.under_way()  # before the processes, so that runs that start in between are not missed
        running = run_processes.flow_runs(self._home)
        now = datetime.now(UTC)
        missing = {run.id for run in under_way if run.id not in running and (now - run.since).total_seconds() >= grace}
        for run in under_way:
            if run.id in missing and (run.id in self._missing or not grace):
                self._runs.end(run, "The process of this run is gone: killed, or lost with its worker or the machine")
                _LOG.info(f"{run.name} is {run.state.lower()} in Prefect's books and has no process: it is ended")
            elif (
                run.state == "CANCELLING" and run.id in running and (now - run.since).total_seconds() >= _CANCEL_SECONDS
            ):
                # Prefect's own observer of cancellations may have stopped after a long outage of the server.
                _LOG.info(f"{run.name} was cancelled and is still at work: its processes are ended")
                run_processes.kill_all(self._home, run.id)
        self._missing = missing


def main() -> None:
    logs.configure()
    runs = Runs(os.environ["PREFECT_API_URL"], os.environ["PREFECT_API_AUTH_STRING"])
    url = os.environ.get("CLOSECAST_MONITORING_URL")
    if url is None:
        _LOG.warning("CLOSECAST_MONITORING_URL is not set: there are no alerts of failed flows")
    sys.exit(Worker(os.environ["PREFECT_HOME"], runs, Failures(runs, url) if url else None).live())


if __name__ == "__main__":
    main()
