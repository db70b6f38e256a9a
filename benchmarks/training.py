"""`bench training [source=<…>] [rounds=3] [rows=10000,30000,100000]`: what training takes, alone and beside busy loops.

Every run is a process of its own. The source is the public file where it lies beside the project, else a made-up export.
*A fit* is one of all rows with the rounds chosen, in the same run; *train* is everything from accepted deals to the
gate's decision. Writes training.md.
"""

import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from math import log
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import arguments
from closecast.deals import synthetic
from closecast.deals.contract import check
from closecast.models import candidate, training
from closecast.platform import processors
from closecast.platform.publication import judged_alone
from closecast.platform.sources import read_source
from ops.errors import OperatorError

_PAGE = Path(__file__).with_name("training.md")
_PUBLIC = Path(__file__).resolve().parents[2] / "shared" / "data" / "crm" / "sales_pipeline.csv"
_SEED = 7
_BUSY = {0: 1.2, 1: 2.2, 2: 3.5}  # neighbours, and how often the time alone training may take beside them
_MOST_FITS = 8.0
_LONG = "20,000 deals over two years"


def train(deals: Any) -> dict[str, float]:
    """Seconds of processor (cpu) and on the clock (wall) of training, of the candidate alone, and of one fit."""
    with _timed() as built:
        made = candidate.build(deals, _SEED, processors.usable())
    with _timed() as judged:
        judged_alone(made)
    rows = made.data.learnable()
    matrix = made.data.matrix(rows)
    with _timed() as fitted:
        training.fit(matrix, rows.won, made.settings, made.schedule.rounds, _SEED, processors.usable())
    return {
        **{f"{name}_{kind}": one[kind] for name, one in (("build", built), ("fit", fitted)) for kind in one},
        **{f"train_{kind}": built[kind] + judged[kind] for kind in built},
        "rows": len(rows),
        "rounds": made.schedule.rounds,
    }


@contextmanager
def _timed() -> Iterator[dict[str, float]]:
    found: dict[str, float] = {}
    used, begin = _used(), time.perf_counter()
    yield found
    found |= {"cpu": _used() - used, "wall": time.perf_counter() - begin}


def _used() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def deals_of(source: str) -> Any:
    """Accepted deals of a source, or of `two-years:<rows>`, made up."""
    if source.startswith("two-years:"):
        span = synthetic.Settings(rows=int(source.partition(":")[2]), first_engaged=date(2016, 1, 1))
        return check(synthetic.generate_with_truth(span, _SEED)[0]).accepted
    return check(read_source(source, _SEED).frame).accepted


@contextmanager
def _neighbours(count: int) -> Iterator[None]:
    """So many processes that do nothing but turn."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def measure(source: str, busy: int = 0, policy: str | None = None) -> dict[str, float]:
    """`train` in a process of its own, beside `busy` loops. Raises OperatorError with what it said when it fails."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    environment |= {"OMP_WAIT_POLICY": policy} if policy else {}
    command = [sys.executable, "-m", "benchmarks.training", "one", source]
    with _neighbours(busy):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OperatorError(f"training on {source} failed: {done.stderr.strip()[-2_000:]}", "mend it and run it again")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(source, f"busy={busy}", policy or "", json.dumps(found), flush=True)
    return {**found, "load": os.getloadavg()[0]}


def _spread(runs: list[dict[str, float]], name: str) -> str:
    values = [run[name] for run in runs]
    return f"{median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def beside(runs: dict[int, list[dict[str, float]]], active: list[dict[str, float]]) -> list[str]:
    """The table of busy loops; *alone* is measured against the same with threads that spin."""
    lines = [
        "| beside | clock, s | CPU, s | times alone | at most | load before the end |",
        "|---|---|---|---|---|---|",
    ]
    alone = median(run["train_wall"] for run in runs[0])
    for busy, found in runs.items():
        than = alone if busy else median(run["train_wall"] for run in active)
        times = median(run["train_wall"] for run in found) / than
        words = f"{busy} busy loop{'s' if busy > 1 else ''}" if busy else "nothing (against threads that spin)"
        verdict = "" if times <= _BUSY[busy] else " **above**"
        lines.append(
            f"| {words} | {_spread(found, 'train_wall')} | {_spread(found, 'train_cpu')} | {times:.2f}{verdict} | {_BUSY[busy]} "
            f"| {max(run['load'] for run in found):.1f} |"
        )
    return lines


def fits(runs: list[dict[str, float]]) -> list[str]:
    """How many fits a training takes, by processor time and on the clock."""
    lines = ["| | CPU, s | in fits | clock, s | in fits | at most |", "|---|---|---|---|---|---|"]
    for name, words in (
        ("fit", "one fit"),
        ("build", "the candidate"),
        ("train", "train: candidate, figures, decision"),
    ):
        ratios = [median(run[f"{name}_{kind}"] / run[f"fit_{kind}"] for run in runs) for kind in ("cpu", "wall")]
        marks = [f"{one:.1f}{' **above**' if one > _MOST_FITS else ''}" for one in ratios]
        lines.append(
            f"| {words} | {_spread(runs, f'{name}_cpu')} | {marks[0]} | {_spread(runs, f'{name}_wall')} | {marks[1]} | {_MOST_FITS:.0f} |"
        )
    return lines


def growth(runs: dict[str, dict[str, float]]) -> list[str]:
    """Processor time by the number of rows; growth is its exponent by rows: 1 is linear."""
    lines = ["| deals | rows | rounds | CPU, s | clock, s | growth |", "|---|---|---|---|---|---|"]
    before: dict[str, float] | None = None
    for name, run in runs.items():
        is_next = before is not None and run["rows"] > 1.05 * before["rows"] and name != _LONG
        by = (
            f"{log(run['train_cpu'] / before['train_cpu']) / log(run['rows'] / before['rows']):.2f}"
            if before and is_next
            else ""
        )
        lines.append(
            f"| {name} | {run['rows']:,} | {run['rounds']} | {run['train_cpu']:.1f} | {run['train_wall']:.1f} | {by} |"
        )
        before = run
    return lines


def main(given: list[str]) -> int:
    if given[:1] == ["one"]:
        print(json.dumps(train(deals_of(given[1]))))
        return 0
    chosen = arguments.read(
        given,
        source=arguments.text(
            f"file:{_PUBLIC}" if _PUBLIC.exists() else "synthetic:8800", "a source as `just train` takes it"
        ),
        rounds=arguments.whole(3, most=100),
        rows=arguments.wholes((10_000, 30_000, 100_000), most=10_000_000),
    )
    source, rounds, load = chosen["source"], chosen["rounds"], os.getloadavg()[0]
    active: list[dict[str, float]] = []
    runs: dict[int, list[dict[str, float]]] = {busy: [] for busy in _BUSY}
    for _ in range(rounds):  # turn by turn: what else the machine does meets all alike
        active.append(measure(source, 0, "active"))
        for busy, found in runs.items():
            found.append(measure(source, busy))
    head = [
        "# `just bench training`", "",
        f"{platform.system()} {platform.machine()}, {processors.usable()} processors, Python {platform.python_version()}; "
        f"{source.rpartition('/')[2]}, seed {_SEED}; runs: {rounds}, medians (and range).",
        f"Load was {load:.1f} before the first run: where it is not near 0, others had the processors too, and CPU says more than the clock.", "",
        "## Beside busy loops", "", *beside(runs, active), "",
        "## In fits of all rows with the rounds chosen", "", *fits(runs[0]), "",
        "## By rows, made-up deals", "",
    ]  # fmt: skip
    sizes: dict[str, dict[str, float]] = {}
    made_up = {f"{rows:,}": f"synthetic:{rows}" for rows in chosen["rows"]}
    for name, one in {**made_up, _LONG: "two-years:20000"}.items():
        sizes[name] = measure(one)
        _PAGE.write_text("\n".join([*head, *growth(sizes), ""]))  # what there is, should a large one not end
    print(_PAGE.read_text())
    return 0


if __name__ == "__main__":
    arguments.run(main)
