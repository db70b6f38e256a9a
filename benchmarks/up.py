"""`just bench up [rounds=3]`: the platform's start time and memory, and the time of a training run.

It brings the platform up and down repeatedly, so it refuses to start while the platform is up. Every figure is
repeated, and shown with its spread and the part that limits it; the last results are in benchmarks/up.md.
"""

import os
import platform
import re
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil

from benchmarks import arguments
from ops.cli.progress import started
from ops.down import processes_of
from ops.errors import OperatorError
from ops.nomad import jobs
from ops.nomad.agent import Agent
from ops.nomad.cluster import wait
from ops.nomad.session import connect
from ops.up import READY, start_scheduler

PROJECT = Path(__file__).resolve().parents[1]
RESULTS = PROJECT / "benchmarks" / "up.md"
REAL = PROJECT.parent / "shared" / "data" / "crm" / "sales_pipeline.csv"
_FINISHED = re.compile(r"^\s*([\d.]+)s\s+✓ (\S+) healthy", re.MULTILINE)
_FIRST = re.compile(r"first prediction ([\d.]+) s after")
_PIPELINE = re.compile(r"✓ pipeline on .* \(([\d.]+) s\)")
_TASK = re.compile(r"^\s*[\d.]+s\s{5,}(\w+): completed \(([\d.]+) s\)", re.MULTILINE)


@dataclass
class Figure:
    """A figure, its target, and the values of all rounds."""

    name: str
    target: str
    unit: str
    values: list[float] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)

    def row(self) -> str:
        low, middle, high = min(self.values), statistics.median(self.values), max(self.values)
        limit = max(set(self.limits), key=self.limits.count) if self.limits else ""
        spread = f"{low:.1f}-{high:.1f}"
        return f"| {self.name} | {middle:.1f} {self.unit} | {spread} | {len(self.values)} | {self.target} | {limit} |"

    def add(self, value: float, limit: str) -> None:
        self.values.append(value)
        self.limits.append(limit)


def main(given: list[str]) -> int:
    rounds = arguments.read(given, rounds=arguments.whole(3, most=100))["rounds"]
    started()
    if Agent.of_state().is_running():
        raise OperatorError("the platform is up, and this measure takes it down", "run `just down` first")
    source = f"source=file:{REAL}" if REAL.exists() else "source=synthetic"
    print("preparing: one whole `up`, so that environment, databases and a first model are there", flush=True)
    _just("up", source)
    _just("down")
    cold = Figure("second `up` after `down`: first prediction", "under 90 s", "s")
    ratio = Figure("the same, over the slowest service's own start", "3 at most", "x")
    warm = Figure("`up` with all running", "under 10 s", "s")
    whole = Figure("memory at rest, sum of PSS", "under 2,500 MB", "MB")
    one = Figure("one API instance, PSS", "under 300 MB", "MB")
    pipeline = Figure(
        f"pipeline on {source.partition('=')[2].rpartition('/')[2]}, submission to decision", "under 60 s", "s"
    )
    alone: dict[str, list[float]] = {name: [] for name in jobs.NAMES}
    for number in range(1, rounds + 1):
        print(f"round {number} of {rounds}", flush=True)
        own = _own_starts()
        for name, seconds in own.items():
            alone[name].append(seconds)
        slowest = max(own, key=lambda name: own[name])
        _just("down")
        printed = _just("up")
        first = float(_found(_FIRST, printed))
        last = max(_FINISHED.findall(printed), key=lambda found: float(found[0]))
        cold.add(first, f"{last[1]}, healthy after {last[0]} s")
        ratio.add(first / own[slowest], f"{slowest}, {own[slowest]:.1f} s alone")
        begin = time.monotonic()
        _just("up")
        warm.add(time.monotonic() - begin, "asking every service for its health")
        printed = _just("train", source)
        steps = _TASK.findall(printed)
        heaviest = max(steps, key=lambda step: float(step[1])) if steps else ("start of the process", "")
        pipeline.add(float(_found(_PIPELINE, printed)), f"{heaviest[0]}, {heaviest[1]} s; the rest starts the process")
        time.sleep(20)  # at rest: nothing is being asked
        weights = _weights()
        biggest = max(weights, key=lambda name: weights[name])
        whole.add(sum(weights.values()), f"{biggest}, {weights[biggest]:.0f} MB")
        one.add(weights["api"], "LightGBM, scikit-learn and pandas, which it imports")
        _just("down")
    table = _table([cold, ratio, warm, whole, one, pipeline], alone)
    RESULTS.write_text(table)
    print(table)
    return 0


def _own_starts() -> dict[str, float]:
    """Seconds from each job's submission until it is healthy, with its dependencies running and nothing else starting."""
    session_cli, cluster = start_scheduler()
    own = {}
    for name in jobs.NAMES:
        begin = time.monotonic()
        session_cli.submit(name)
        wait(lambda name=name: jobs.health(cluster, name, ignore=(READY,)).healthy, 300, f"the health of {name}", 0.1)  # type: ignore[misc]
        own[name] = time.monotonic() - begin
    return own


def _weights() -> dict[str, float]:
    """PSS by job in MB; Nomad's agent and its task supervisors count as "nomad"."""
    session = connect()
    found: dict[str, float] = {"nomad": sum(map(_pss, session.agent.processes()))}
    for process in processes_of(session.agent.data):
        minder = "executor" in process.cmdline() or "logmon" in process.cmdline()
        job = "nomad" if minder else process.environ().get("NOMAD_JOB_NAME", "nomad")
        found[job] = found.get(job, 0.0) + _pss(process)
    # PostgreSQL's workers write their titles over the environment.
    known = {process.pid for process in processes_of(session.agent.data)}
    for process in psutil.process_iter(["cmdline"]):
        if (process.info["cmdline"] or [""])[0].startswith("postgres: ") and process.ppid() in known:
            found["postgres"] = found.get("postgres", 0.0) + _pss(process)
    return found


def _pss(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().pss) / 1e6
    except psutil.NoSuchProcess:
        return 0.0


def _just(*arguments: str) -> str:
    command = [sys.executable, str(PROJECT / "just"), *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "CLOSECAST_STARTED"}
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    # 2 means that the model was refused, which takes as long as a promotion.
    if done.returncode not in (0, 2):
        raise OperatorError(f"`just {' '.join(arguments)}` failed: {done.stdout[-800:]}{done.stderr}", "mend it first")
    return done.stdout


def _found(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    if match is None:
        raise OperatorError(f"nothing like {pattern.pattern!r} was printed: {text[-800:]}", "mend the benchmark")
    return match.group(1)


def _table(figures: list[Figure], alone: dict[str, list[float]]) -> str:
    memory = psutil.virtual_memory().total / 2**30
    lines = [
        "# `just bench up`",
        "",
        f"{datetime.now(UTC):%-d %B %Y}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB, "
        f"Python {platform.python_version()}. Other work shares the machine, so look at the spread.",
        "",
        "| measure | median | spread | rounds | target | limited by |",
        "|---|---|---|---|---|---|",
        *(figure.row() for figure in figures),
        "",
        "Each service's own start, from submission to health with nothing else starting (seconds, median and spread):",
        "",
        "| service | median | spread |",
        "|---|---|---|",
        *(
            f"| {name} | {statistics.median(values):.1f} | {min(values):.1f}-{max(values):.1f} |"
            for name, values in alone.items()
        ),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    arguments.run(main)
