"""Starts servers and generators on given cores, in sessions of their own, and weighs and ends them by pid."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

from closecast.platform.nomad.discovery import NotAnsweringError, wait_for
from ops.errors import OperatorError
from ops.paths import PROJECT

PRIORITY = -15
# None of these may leak into a server that is measured: they point elsewhere, or name certificates it does not need.
_DROPPED = ("AWS_CA_BUNDLE", "PREFECT_API_URL", "MLFLOW_TRACKING_URI", "VIRTUAL_ENV", "PYTHONHOME")


@dataclass(frozen=True)
class Process:
    """A process in a session of its own, and where its output goes."""

    popen: "subprocess.Popen[bytes]"
    log: Path

    @property
    def pid(self) -> int:
        return self.popen.pid

    def family(self) -> list[psutil.Process]:
        """The process and all that descend from it."""
        try:
            own = psutil.Process(self.pid)
            return [own, *own.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def pss(self) -> float:
        """Proportional set size of the family in MB (1e6 bytes)."""
        return sum(member.memory_full_info().pss for member in self.family()) / 1e6

    def cpu(self) -> float:
        """Seconds of processor time that the family has used so far."""
        return sum(sum(member.cpu_times()[:2]) for member in self.family())

    def until_ready(self, url: str, seconds: float = 120) -> None:
        """Raises OperatorError with the end of the log when `url` does not answer in time."""
        try:
            wait_for(url, seconds)
        except NotAnsweringError as error:
            raise OperatorError(f"{error}; its log ends: {self.tail()}", "read the log, mend the cause") from error

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-1500:]

    def kill(self) -> None:
        """Signal 9 to all of the family: nothing gets to tidy up. PostgreSQL's workers are in sessions of their own."""
        for member in self.family():
            with suppress(psutil.NoSuchProcess):
                member.kill()
        self.popen.wait(10)

    def end(self) -> None:
        """Ask the group to end, then make it."""
        for step, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
            try:
                os.killpg(self.pid, step)
                self.popen.wait(patience)
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue


def start(
    command: Sequence[str | Path],
    environment: Mapping[str, str],
    log: Path,
    cores: Sequence[int] | None = None,
    at_once: bool = False,
) -> Process:
    """Run `command` on `cores` (any, unless given), with `environment` on top of this process's own.

    `at_once` is for what makes the load: whenever it has something to do, it comes before all else on its core. Else it
    waits for the services there, four milliseconds at a time, and the server that is measured waits for it.
    """
    inherited = {name: value for name, value in os.environ.items() if name not in _DROPPED}
    pinned = ["taskset", "-c", ",".join(map(str, cores))] if cores else []
    if at_once and may_favour():
        pinned += ["chrt", "--fifo", "1"]
    with log.open("ab") as output:
        popen = subprocess.Popen(
            [*pinned, *map(str, command)],
            cwd=log.parent,
            env={**inherited, "PYTHONPATH": str(PROJECT), "NO_PROXY": "127.0.0.1,localhost", **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    if may_favour():
        favour(popen.pid)
    return Process(popen, log)


@cache
def may_favour() -> bool:
    """Whether what is measured may come before the machine's other work; only root may ask for that."""
    return os.geteuid() == 0


def favour(pid: int) -> None:
    """Raise the priority of `pid`, leader of a session: within the session, and of the session among others."""
    os.setpriority(os.PRIO_PROCESS, pid, PRIORITY)
    group = Path(f"/proc/{pid}/autogroup")
    if group.exists():
        group.write_text(str(PRIORITY))


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cores() -> tuple[int, int]:
    """The core for the server that is measured, and the one for all else. Raises OperatorError when there is but one."""
    available = sorted(os.sched_getaffinity(0))
    if len(available) < 2:
        raise OperatorError(
            "this measure needs two cores: one for the server, one for the load", "use a larger machine"
        )
    return available[-1], available[0]


def settle(seconds: float = 1.0) -> None:
    """Let what was just started or loaded come to rest."""
    time.sleep(seconds)
