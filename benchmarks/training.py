"""Measure the time of training, alone and beside busy loops.

`just bench training [source=<…>] [rounds=3] [rows=10000,30000,100000] [cuts=2017-07-01,…]`.

Every run is a process of its own. The source is the public file where it lies beside the project, else a made-up
export. *A fit* is one of all rows with the rounds chosen, in the same run; *train* is everything from ingested deals to
the gate's decision; *published* adds what the flow writes: the rows in gold, the model, MLflow's files, report and
plots. Not counted are imports, and servers, which work in processes of their own. Writes training.md.
"""

import importlib
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks import arguments, scale
from closecast.deals.synthetic import generator
from closecast.models import candidate, promotion, training
from closecast.models.check import Check
from closecast.models.deal_model import DealModel
from closecast.platform import measuring
from closecast.platform.lake import gold, ingestion
from closecast.platform.mlflow import model_files
from closecast.platform.mlflow.run_artifacts import write_report
from closecast.platform.runtime import processors
from closecast.platform.sources.export import RawExport, read_source
from ops.errors import OperatorError

_PAGE = Path(__file__).with_name("training.md")
_PUBLIC = Path(__file__).resolve().parents[2] / "shared" / "data" / "crm" / "sales_pipeline.csv"
_CUTS = tuple(
    date(2017, month, 1) for month in (7, 8, 10, 11)
)  # besides the one that is chosen, the first of September
_SEED = 7
_BUSY = {0: 1.2, 1: 2.2, 2: 3.5}  # neighbours, and how often the time alone training may take beside them
_MOST_FITS = 8.0
_OFF = 0.25  # of the processor time of a row, from what the rounds chosen explain
_BOUND = ("build", "train")  # what that holds for; files are written by others' libraries, in their own time
_LONG = "20,000 deals over two years"
_LOADED_LATER = ("matplotlib.backends.backend_agg", "matplotlib.figure", "mlflow.pyfunc", "mlflow.types.utils")


def train(export: RawExport, cut: date | None = None) -> dict[str, float]:
    """CPU and wall-clock seconds of the candidate, the decision, the written files, and one fit."""
    for module in _LOADED_LATER:
        importlib.import_module(module)
    with tempfile.TemporaryDirectory(prefix="closecast-training-") as scratch:
        data = ingestion.ingest(export, scale.lake(Path(scratch)))
        with _timed() as built:
            made = candidate.build(data.deals, _SEED, processors.usable(), cut=cut)
        with _timed() as judged:
            report = measuring.judge_alone(made).report
        with _timed() as written:
            _write(made, data, report, Path(scratch))
    rows = made.data.learnable()
    matrix = made.data.matrix(rows)
    with _timed() as fitted:
        training.fit(matrix, rows.won, made.settings, made.schedule.rounds, _SEED, processors.usable())
    return {
        **{f"{name}_{kind}": one[kind] for name, one in (("build", built), ("fit", fitted)) for kind in one},
        **{f"train_{kind}": built[kind] + judged[kind] for kind in built},
        **{f"published_{kind}": built[kind] + judged[kind] + written[kind] for kind in built},
        "rows": len(rows),
        "rounds": made.schedule.rounds,
    }


def _write(made: candidate.Candidate, data: ingestion.Ingested, report: dict[str, Any], folder: Path) -> None:
    """Write what the flow `train` writes, except what it sends to servers."""
    now, checks = datetime.now(UTC), report["decision"]["checks"]
    decision = promotion.Decision(report["decision"]["promoted"], tuple(Check(**one) for one in checks))
    gold.store(made.data, data.silver_key, scale.lake(folder))
    model = DealModel(made.scorer, measuring.make_card(made, data, now, None), data.deals)
    made.twin.save(folder / "twin")
    model.save(folder / "model")
    model_files.write(folder / "model", model)
    write_report(folder / "report", model, report, decision, "a measure", now)


@contextmanager
def _timed() -> Iterator[dict[str, float]]:
    found: dict[str, float] = {}
    used, begin = _used(), time.perf_counter()
    yield found
    found |= {"cpu": _used() - used, "wall": time.perf_counter() - begin}


def _used() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def export_of(source: str) -> RawExport:
    """The export of a source, or a synthetic one of `two-years:<rows>`."""
    if not source.startswith("two-years:"):
        return read_source(source, _SEED)
    span = generator.Settings(rows=int(source.partition(":")[2]), first_engaged=date(2016, 1, 1))
    return RawExport(generator.generate_with_truth(span, _SEED)[0], source, source)


@contextmanager
def _neighbours(count: int) -> Iterator[None]:
    """Run `count` busy processes."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def measure(source: str, busy: int = 0, policy: str | None = None, cut: date | None = None) -> dict[str, float]:
    """Run `train` in its own process, beside `busy` loops. Raises OperatorError with its output when it fails."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    environment |= {"OMP_WAIT_POLICY": policy} if policy else {}
    command = [sys.executable, "-m", "benchmarks.training", "one", source, *([str(cut)] if cut else [])]
    with _neighbours(busy):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OperatorError(f"training on {source} failed: {done.stderr.strip()[-2_000:]}", "mend it and run it again")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(source, f"busy={busy}", policy or "", cut or "", json.dumps(found), flush=True)
    return {**found, "load": os.getloadavg()[0]}


def _spread(runs: list[dict[str, float]], name: str) -> str:
    values = [run[name] for run in runs]
    return f"{median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def beside(runs: dict[int, list[dict[str, float]]], active: list[dict[str, float]]) -> list[str]:
    """The table of busy loops; *alone* is compared with threads that spin."""
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
    """The time of a training in units of one fit, by CPU and wall-clock time."""
    lines = ["| | CPU, s | in fits | clock, s | in fits | at most |", "|---|---|---|---|---|---|"]
    for name, words in (
        ("fit", "one fit"),
        ("build", "the candidate"),
        ("train", "train: candidate, figures, decision"),
        ("published", "published: rows, model, MLflow's files, report and plots as well"),
    ):
        bound = f"{_MOST_FITS:.0f}" if name in _BOUND else ""
        lines.append(
            f"| {words} | {_spread(runs, f'{name}_cpu')} | {_in_fits(runs, name, 'cpu')} | {_spread(runs, f'{name}_wall')} "
            f"| {_in_fits(runs, name, 'wall')} | {bound} |"
        )
    return lines


def _in_fits(runs: list[dict[str, float]], name: str, kind: str) -> str:
    times = [run[f"{name}_{kind}"] / run[f"fit_{kind}"] for run in runs]
    verdict = " **above**" if name in _BOUND and median(times) > _MOST_FITS else ""
    return f"{median(times):.1f} ({min(times):.1f} to {max(times):.1f}){verdict}"


def by_cut(runs: dict[str, list[dict[str, float]]]) -> list[str]:
    """CPU time and fits by cut."""
    lines = [
        "| held out from | one fit, CPU s | the candidate, in fits | train, in fits | published, in fits |",
        "|---|---|---|---|---|",
    ]
    for cut, found in runs.items():
        cells = (_in_fits(found, name, "cpu") for name in ("build", "train", "published"))
        lines.append(f"| {cut} | {_spread(found, 'fit_cpu')} | {' | '.join(cells)} |")
    return lines


def growth(runs: dict[str, dict[str, float]]) -> list[str]:
    """CPU time of the candidate by the number of rows, with a linear fit; and with the decision, which may add a baseline."""
    rounds = np.array([run["rounds"] for run in runs.values()], dtype=np.float64)
    each = np.array([run["build_cpu"] / run["rows"] * 1e6 for run in runs.values()])
    # Least squares of relative errors, so that a large export has no more weight than a small one.
    (fixed, a_round), *_ = np.linalg.lstsq(np.column_stack([1 / each, rounds / each]), np.ones(len(each)))
    off = (fixed + a_round * rounds) / each - 1
    lines = [
        "| deals | rows | rounds | the candidate, CPU s | clock, s | in fits | CPU a row, µs | by the line | with the decision, CPU s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for (name, run), row, share in zip(runs.items(), each, off, strict=True):
        lines.append(
            f"| {name} | {run['rows']:,} | {run['rounds']} | {run['build_cpu']:.1f} | {run['build_wall']:.1f} "
            f"| {run['build_cpu'] / run['fit_cpu']:.1f} | {row:.1f} | {share:+.0%} | {run['train_cpu']:.1f} |"
        )
    if len(runs) > 2:
        verdict = "linear in rows" if np.abs(off).max() <= _OFF else "**not linear in rows**"
        lines += [
            "",
            f"The line: {fixed:.1f} µs a row and {a_round:.2f} µs more for each round chosen; off by {np.abs(off).max():.0%} at most, "
            f"which is {verdict} (allowed are {_OFF:.0%}).",
        ]
    return lines


def main(given: list[str]) -> int:
    if given[:1] == ["one"]:
        print(json.dumps(train(export_of(given[1]), *map(date.fromisoformat, given[2:]))))
        return 0
    public = f"file:{_PUBLIC}" if _PUBLIC.exists() else "synthetic:8800"
    chosen = arguments.read(
        given,
        source=arguments.text(public, "a source as `just train` takes it"),
        rounds=arguments.whole(3, most=100),
        rows=arguments.wholes((10_000, 30_000, 100_000), most=10_000_000),
        cuts=arguments.days(_CUTS),
    )
    source, rounds, load = chosen["source"], chosen["rounds"], os.getloadavg()[0]
    active: list[dict[str, float]] = []
    runs: dict[int, list[dict[str, float]]] = {busy: [] for busy in _BUSY}
    for _ in range(rounds):  # turn by turn: what else the machine does meets all alike
        active.append(measure(source, 0, "active"))
        for busy, found in runs.items():
            found.append(measure(source, busy))
    cuts = {"the one chosen": runs[0]}
    cuts |= {str(cut): [measure(source, cut=cut) for _ in range(rounds)] for cut in chosen["cuts"]}
    head = [
        "# `just bench training`",
        "",
        f"{platform.system()} {platform.machine()}, {processors.usable()} processors, Python {platform.python_version()}; "
        f"{source.rpartition('/')[2]}, seed {_SEED}; runs: {rounds}, medians (and range).",
        f"Load was {load:.1f} before the first run: where it is not near 0, others had the processors too, and CPU says more than the clock.",
        "",
        "## Beside busy loops",
        "",
        *beside(runs, active),
        "",
        "## In fits of all rows with the rounds chosen",
        "",
        *fits(runs[0]),
        "",
        "Imports are not counted, nor what servers do, in processes of their own.",
        "",
        *by_cut(cuts),
        "",
        "## By rows, made-up deals",
        "",
        "Where one round is chosen, a fit is little more than putting the rows into bins, and says nothing of the rest. "
        "A candidate that the gate refuses has a baseline fitted in its place: the last column holds that too.",
        "",
    ]
    sizes: dict[str, dict[str, float]] = {}
    made_up = {f"{rows:,}": f"synthetic:{rows}" for rows in chosen["rows"]}
    for name, one in {**made_up, _LONG: "two-years:20000"}.items():
        sizes[name] = measure(one)
        _PAGE.write_text("\n".join([*head, *growth(sizes), ""]))  # what there is, should a large one not end
    print(_PAGE.read_text())
    return 0


if __name__ == "__main__":
    arguments.run(main)
