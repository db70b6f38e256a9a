"""Start servers and generators on given cores in their own sessions, measure their memory, and stop them."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

from closecast.platform.nomad.discovery import NotAnsweringError, wait_for
from ops.errors import OperatorError
from ops.paths import PROJECT

PRIORITY = -15
# None of these may reach a measured server: they point elsewhere, or name certificates it does not need.
_DROPPED = ("AWS_CA_BUNDLE", "PREFECT_API_URL", "MLFLOW_TRACKING_URI", "VIRTUAL_ENV", "PYTHONHOME")


@dataclass(frozen=True)
class Process:
    """A process in its own session, and its log file."""

    popen: "subprocess.Popen[bytes]"
    log: Path

    @property
    def pid(self) -> int:
        return self.popen.pid

    def family(self) -> list[psutil.Process]:
        """The process and all its descendants."""
        try:
            own = psutil.Process(self.pid)
            return [own, *own.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def pss(self) -> float:
        """Proportional set size of the process tree in MB (1e6 bytes)."""
        return sum(member.memory_full_info().pss for member in self.family()) / 1e6

    def cpu(self) -> float:
        """Seconds of processor time that the process tree has used so far."""
        return sum(sum(member.cpu_times()[:2]) for member in self.family())

    def until_ready(self, url: str, seconds: float = 120) -> None:
        """Wait until `url` answers. Raises OperatorError with the end of the log when it does not in time."""
        try:
            wait_for(url, seconds)
        except NotAnsweringError as error:
            raise OperatorError(f"{error}; its log ends: {self.tail()}", "read the log, mend the cause") from error

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-1500:]

    def kill(self) -> None:
        """Send SIGKILL to the whole process tree, because PostgreSQL's workers are in their own sessions."""
        for member in self.family():
            with suppress(psutil.NoSuchProcess):
                member.kill()
        self.popen.wait(10)

    def end(self) -> None:
        """Send SIGTERM to the group, then SIGKILL."""
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
    """Run `command` on `cores` (default: any), with `environment` added to this process's own.

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
    """Whether the priority of measured processes may be raised, which only root may do."""
    return os.geteuid() == 0


def favour(pid: int) -> None:
    """Raise the priority of `pid`, leader of a session: within the session, and of the session among others."""
    os.setpriority(os.PRIO_PROCESS, pid, PRIORITY)
    group = Path(f"/proc/{pid}/autogroup")
    if group.exists():
        group.write_text(str(PRIORITY))


@contextmanager
def favoured() -> Iterator[None]:
    """Raise the priority of this process and its session, where that is possible, and lower both again.

    The session may be a person's shell.
    """
    if not may_favour():
        yield
        return
    group = Path("/proc/self/autogroup")
    before = os.getpriority(os.PRIO_PROCESS, 0)
    session = group.read_text().split()[-1] if group.exists() else None
    favour(os.getpid())
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, before)
        if session is not None:
            group.write_text(session)


def free_port() -> int:
    """A free loopback port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cores() -> tuple[int, int]:
    """The core for the measured server, and the one for everything else.

    Raises OperatorError when there is only one.
    """
    available = sorted(os.sched_getaffinity(0))
    if len(available) < 2:
        raise OperatorError(
            "this measure needs two cores: one for the server, one for the load", "use a larger machine"
        )
    return available[-1], available[0]


def settle(seconds: float = 1.0) -> None:
    """Wait until newly started or loaded processes are idle."""
    time.sleep(seconds)
