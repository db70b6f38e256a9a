"""`just bench scale [deals=10000,100000,300000,1000000] [rounds=3]`: CPU, time and peak memory of each stage.

The stages go from an export to the model in the API. Each runs in its own process, so that peak memory is measured
separately, and passes on files as the flows do; the lake is a folder. A stage that takes less than a minute is
repeated. Earlier results of other sizes stay in the page. A new stage is one more function in STAGES.
"""

import json
import math
import os
import platform
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

from benchmarks import arguments, children
from closecast.deals.synthetic import generator
from closecast.platform.lake import ingestion
from closecast.platform.lake.store import Lake
from closecast.platform.settings import LakeSettings
from closecast.platform.sources.export import read_source

SIZES = (10_000, 100_000, 300_000, 1_000_000)
MOST_MB = 4_096
MOST_GROWTH = 1.15  # of CPU by size, as an exponent: 1 is linear
_PAGE, _RESULT = (Path(__file__).with_name(f"scale.{ending}") for ending in ("md", "json"))
_REPEATED_BELOW = 60.0  # seconds
_AS_OF, _HORIZON = date(2017, 12, 31), 30
_SEED, _THREADS = 7, 2
_EXPORT, _OPEN, _MODEL = "export.parquet", "open.parquet", "model"
_LAYERS = ("bronze", "silver", "quarantine", "gold", "steps", "newest")


def ingest(folder: Path) -> str:
    """Read the export, check it, and store it in the lake."""
    shutil.rmtree(folder / "lake", ignore_errors=True)
    data = _ingested(folder)
    return f"{data.rows_accepted:,} deals accepted, {data.rows_rejected:,} set aside"


def features(folder: Path) -> str:
    """Make the training rows with their features, and store them in gold."""
    from closecast.models.data import Data
    from closecast.platform.lake import gold

    for step in (folder / "lake" / "steps").glob("gold-*"):
        step.unlink()
    data = _ingested(folder)
    key = gold.store(Data(data.deals), data.silver_key, lake(folder))
    file = pq.ParquetFile(folder / "lake" / key)
    return f"{file.metadata.num_rows:,} rows of {file.metadata.num_columns - 3} features"


def train(folder: Path) -> str:
    """Fit before the cut, measure against the baselines, refit on everything, run the gate, and save the model."""
    from closecast.models import candidate as candidates
    from closecast.models.deal_model import DealModel
    from closecast.models.evaluation import measured_on
    from closecast.platform.measuring import judge_alone, make_card

    data = _ingested(folder)
    candidate = candidates.build(data.deals, _SEED, _THREADS)
    report = judge_alone(candidate).report
    shutil.rmtree(folder / _MODEL, ignore_errors=True)
    DealModel(candidate.scorer, make_card(candidate, data, datetime.now(UTC), None), data.deals).save(folder / _MODEL)
    found = report["targets"]["quarter_end"]
    failed = [check["name"] for check in report["decision"]["checks"] if not check["passed"]]
    verdict = f"would refuse it ({'; '.join(failed)})" if failed else "would promote it"
    return (
        f"refitted on {report['rows']['refit']:,} rows; held out at the quarter's end {found['rows_test']:,} rows, "
        f"{measured_on(found) or 'of all deals'}; the gate {verdict}"
    )


def score(folder: Path) -> str:
    """Score the same number of deals, in one file, as one batch."""
    from closecast.models.deal_model import DealModel
    from closecast.platform.batch.scoring import score_parquet

    model = DealModel.load(folder / _MODEL)
    done = score_parquet(model, "1", folder / _OPEN, folder / "scored.parquet", _AS_OF, _HORIZON, _THREADS)
    return f"{done.rows:,} deals, {done.refused:,} of them without an engage date"


def serve(folder: Path) -> str:
    """Do what the API does with a model: load it, replay its golden rows, make its tables, rank the open pipeline once."""
    from closecast.models.deal_model import DealModel
    from closecast.scoring import one
    from closecast.scoring.question import Question
    from services.api.serving.ranking import Rankings

    begin = time.perf_counter()
    model = DealModel.load(folder / _MODEL)
    model.replay(folder / _MODEL)
    one.prepare(model)
    started = time.perf_counter() - begin
    ranked = Rankings().rank(model, Question.ask(model, None, "quarter_end"), 100, 0)
    return f"ready after {started:.1f} s; {ranked.counts.open:,} open deals ranked"


STAGES: dict[str, Callable[[Path], str]] = {stage.__name__: stage for stage in (ingest, features, train, score, serve)}


def prepare(folder: Path, deals: int) -> None:
    """Make a synthetic export of `deals`, and a batch of the same deals to score."""
    settings = generator.Settings(rows=deals)
    generator.write_parquet(settings, _SEED, folder / _EXPORT)
    names = ("opportunity_id", "sales_agent", "product", "account", "engage_date")
    schema = pa.schema([(name, pa.string()) for name in names])
    with pq.ParquetWriter(folder / _OPEN, schema) as writer:
        for chunk in generator.stream(settings, _SEED):
            writer.write_table(
                pa.table([pa.array(chunk[name].to_numpy(), pa.string()) for name in names], schema=schema)
            )


def measure(deals: int, rounds: int) -> list[dict[str, Any]]:
    """One entry per run of a stage: stage, deals, did, cpu and wall in seconds, peak_mb."""
    runs = []
    with tempfile.TemporaryDirectory(prefix="closecast-scale-") as scratch:
        prepare(Path(scratch), deals)
        for stage in STAGES:
            for _ in range(rounds):
                runs.append({"stage": stage, "deals": deals, **alone(stage, Path(scratch))})
                print(_line(runs[-1:]), flush=True)
                if runs[-1]["cpu"] > _REPEATED_BELOW:
                    break
    return runs


def page(runs: list[dict[str, Any]]) -> list[str]:
    """The lines of the page, with a verdict on growth and memory."""
    sizes = sorted({run["deals"] for run in runs})
    lines = [
        "# `just bench scale`",
        "",
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; made-up deals, seed {_SEED}, "
        f"{_THREADS} threads. Other work shares the machine: CPU seconds (user and system) say more than "
        "seconds on the clock; both are medians, with the spread where a stage was repeated. Growth is the exponent of CPU from the "
        "size before: 1 is linear, 0 costs the same.",
        "",
        "| stage | deals | CPU, s | clock, s | CPU a deal, µs | growth | peak memory, MB | what was done |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for stage in STAGES:
        before: list[dict[str, Any]] = []
        for deals in sizes:
            if of := _of(runs, stage, deals):
                lines.append(_line(of, before))
                before = of
    return [*lines, "", *_verdict(runs, sizes)]


def _verdict(runs: list[dict[str, Any]], sizes: list[int]) -> list[str]:
    measured = [stage for stage in STAGES if _of(runs, stage, sizes[-1])]
    peaks = {stage: max(run["peak_mb"] for run in _of(runs, stage, sizes[-1])) for stage in measured}
    spent = {stage: _cpu(_of(runs, stage, sizes[-1])) for stage in measured}
    dearest, largest = max(spent, key=spent.__getitem__), max(peaks, key=peaks.__getitem__)
    lines = [
        f"At {sizes[-1]:,} deals all stages take {sum(spent.values()):,.0f} s of CPU, most of it {dearest} "
        f"({spent[dearest] / sum(spent.values()):.0%}); most memory takes {largest}: {peaks[largest]:,.0f} MB, "
        f"{'within' if peaks[largest] <= MOST_MB else '**above**'} {MOST_MB:,} MB."
    ]
    if len(sizes) > 1:
        both = [(stage, _of(runs, stage, sizes[-2]), _of(runs, stage, sizes[-1])) for stage in measured]
        grown = {stage: _growth(before, of) for stage, before, of in both if before}
        worst = max(grown, key=grown.__getitem__)
        lines += [
            "",
            f"The steepest growth from {sizes[-2]:,} to {sizes[-1]:,} deals is that of {worst}: {grown[worst]:.2f}, "
            f"{'linear or less' if grown[worst] <= MOST_GROWTH else '**more than linear**'} (target {MOST_GROWTH} at most).",
        ]
    return lines


def _of(runs: list[dict[str, Any]], stage: str, deals: int) -> list[dict[str, Any]]:
    return [run for run in runs if (run["stage"], run["deals"]) == (stage, deals)]


def _line(of: list[dict[str, Any]], before: list[dict[str, Any]] | None = None) -> str:
    cells = [of[0]["stage"], f"{of[0]['deals']:,}", *(_spread([run[name] for run in of]) for name in ("cpu", "wall"))]
    cells += [f"{_cpu(of) / of[0]['deals'] * 1e6:,.0f}", f"{_growth(before, of):.2f}" if before else ""]
    cells += [f"{max(run['peak_mb'] for run in of):,.0f}", of[0]["did"]]
    return f"| {' | '.join(cells)} |"


def _cpu(of: list[dict[str, Any]]) -> float:
    return float(median(run["cpu"] for run in of))


def _growth(before: list[dict[str, Any]], of: list[dict[str, Any]]) -> float:
    return math.log(_cpu(of) / _cpu(before)) / math.log(of[0]["deals"] / before[0]["deals"])


def _spread(values: list[float]) -> str:
    middle = f"{median(values):,.1f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):,.1f} to {max(values):,.1f})"


def alone(stage: str, folder: Path) -> dict[str, Any]:
    """Run the stage in its own process. Raises OperatorError with its output when it fails."""
    return children.stage("benchmarks.scale", stage, folder)


def _run(stage: str, folder: Path) -> None:
    begin, before = time.perf_counter(), _used()
    did = STAGES[stage](folder)
    cpu, wall = _used() - before, time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(json.dumps({"did": did, "cpu": cpu, "wall": wall, "peak_mb": peak}))


def _used() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def lake(folder: Path) -> Lake:
    """A lake in a folder, created if absent."""
    for layer in _LAYERS:
        (folder / "lake" / layer).mkdir(parents=True, exist_ok=True)
    return Lake(LakeSettings("lake", "nowhere"), SubTreeFileSystem(str(folder), LocalFileSystem()))


def _ingested(folder: Path) -> ingestion.Ingested:
    """The ingested export from the lake, as in the flows."""
    return ingestion.ingest(read_source(f"file:{folder / _EXPORT}"), lake(folder))


def main(given: list[str]) -> int:
    if given and given[0] == "stage":
        _run(given[1], Path(given[2]))
        return 0
    chosen = arguments.read(given, deals=arguments.wholes(SIZES, most=10_000_000), rounds=arguments.whole(3, most=100))
    for deals in sorted(chosen["deals"]):
        runs = measure(deals, chosen["rounds"])
        # Read again each time: another run may have written other sizes meanwhile.
        known = json.loads(_RESULT.read_text()) if _RESULT.exists() else []
        kept = [run for run in known if run["deals"] != deals and run["stage"] in STAGES]
        runs = sorted([*kept, *runs], key=lambda run: (list(STAGES).index(run["stage"]), run["deals"]))
        _RESULT.write_text(json.dumps(runs, indent=1) + "\n")
        _PAGE.write_text("\n".join(page(runs)) + "\n")
    print(_PAGE.read_text())
    return 0


if __name__ == "__main__":
    arguments.run(main)
