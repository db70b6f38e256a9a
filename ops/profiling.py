"""The command `profile`: where a service or a command of the library spends its time, as a flame graph."""

import subprocess
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

import psutil

from closecast.cli.arguments import number
from closecast.cli.main import COMMANDS
from ops import paths
from ops.cli.arguments import Arguments
from ops.cli.progress import say
from ops.errors import OperatorError
from ops.nomad import jobs
from ops.nomad.session import connect

FOLDER = paths.LOCAL / "profiles"
_RATE = 100  # samples a second
_SPY = paths.PYTHON.with_name("py-spy")


def profile(arguments: list[str]) -> int:
    """Sample a running service for some seconds, or a command of the library to its end, and draw a flame graph of it.

    The service is named by its job; a command has its own arguments: `just profile train --source synthetic --out model`.
    """
    wanted = Arguments("profile", profile.__doc__)
    wanted.place("what", f"a job ({', '.join(jobs.NAMES)}), or {', '.join(COMMANDS)} with its arguments")
    wanted.option("seconds", number(1, 3_600), "how long to sample a service (default: 30)", 30)
    what, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if what in COMMANDS:
        return of_command([str(paths.PYTHON), "-m", "closecast.cli.main", what, *rest], _file(what))
    given = wanted.given(arguments)
    if given.what not in jobs.NAMES:
        raise OperatorError(
            f"{given.what!r} is neither a job nor a command of the library",
            f"name one of {', '.join((*COMMANDS, *jobs.NAMES))}",
        )
    live = set(connect().cluster.live_allocations(given.what))
    pid = python_of(live, given.what)
    say(f"sampling {given.what} (process {pid}) for {given.seconds} s")
    return of_process(pid, given.seconds, _file(given.what))


def of_command(command: list[str], file: Path) -> int:
    """Run a Python `command`, and draw what it and its children do into `file`. Raises OperatorError."""
    _record(["--", *command], file, capture=False)
    _say_where(file)
    return 0


def of_process(pid: int, seconds: int, file: Path) -> int:
    """Draw what the process `pid` and its children do for `seconds` into `file`. Raises OperatorError."""
    _record(["--duration", str(seconds), "--pid", str(pid)], file, capture=True)
    _say_where(file)
    return 0


def python_of(allocations: Collection[str], job: str) -> int:
    """The process of Python that Nomad started for one of `allocations`, the oldest. Raises OperatorError without one."""
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        try:
            is_python = Path(process.exe()).name.startswith("python")
            if is_python and process.environ().get("NOMAD_ALLOC_ID") in allocations:
                found[process.pid] = process
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    roots = [one for one in found.values() if one.ppid() not in found]
    if not roots:
        raise OperatorError(
            f"no process of Python runs for the job {job} that this user may look at",
            "see `just status`; profile as the user who ran `just up`, and not a job that is another program",
        )
    return min(roots, key=lambda one: one.create_time()).pid


def _record(target: list[str], file: Path, capture: bool) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    options = ["--rate", str(_RATE), "--subprocesses", "--format", "flamegraph", "--output", str(file)]
    done = subprocess.run(
        [str(_SPY), "record", *options, *target],
        capture_output=capture,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if not file.exists():
        said = " ".join((done.stderr or "").split())[-300:] or f"exit status {done.returncode}"
        raise OperatorError(
            f"py-spy recorded nothing: {said}",
            "a process of another account is sampled by root alone, one of your own where `sysctl kernel.yama.ptrace_scope` "
            "says 0; a command that ends at once leaves nothing to draw",
        )


def _say_where(file: Path) -> None:
    say(f"open it in a browser: {file}")


def _file(what: str) -> Path:
    return FOLDER / f"{what}-{datetime.now():%Y%m%d-%H%M%S}.svg"
