"""`just bench scoring`: batch scoring of Parquet compared with bare `Booster.predict` on ready-made features.

Both run alternately, each in its own process, so that peak memory is measured separately.
"""

import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import arguments
from closecast.deals.contract import check
from closecast.deals.synthetic.generator import generate
from closecast.features import NAMES
from closecast.models import candidate
from closecast.models.card import ModelCard
from closecast.models.data import Data
from closecast.models.deal_model import DealModel
from closecast.models.hyperparameters import Hyperparameters
from closecast.platform.batch.scoring import score_parquet

_PAGE = Path(__file__).with_name("scoring.md")
_AS_OF, _HORIZON, _THREADS = date(2017, 12, 31), 30, 2
_PIECE = 500_000
_MODELS = ((60, 7), (200, 31))  # what the real export needs; what a large one may


def prepare(folder: Path, rows: int, trees: int, leaves: int) -> None:
    """Make a model of 8,800 synthetic deals, and `rows` open deals as Parquet with text columns."""
    deals = check(generate(8_800, seed=7)).accepted
    data = Data(deals)
    scorer, count, schedule = candidate.fit_before(data, (Hyperparameters(),), 7, _THREADS, None)
    scorer = type(scorer)(_fitted(data, trees, leaves), scorer.calibration)
    card = ModelCard(
        datetime.now(UTC).isoformat(),
        "synthetic",
        "0" * 64,
        str(_AS_OF),
        "silver/0",
        NAMES,
        (30,),
        "2017-07-01",
        {},
        {},
        {"refit": count},
        Hyperparameters().as_dict(),
        schedule.rounds,
        asdict(scorer.calibration),
        7,
    )
    DealModel(scorer, card, deals).save(folder / "model")
    open_deals = data.deals[data.deals["deal_stage"] == "Engaging"]
    random = np.random.default_rng(0)
    with pq.ParquetWriter(
        folder / "deals.parquet",
        pa.schema(
            [(name, pa.string()) for name in ("opportunity_id", "sales_agent", "product", "account", "deal_stage")]
            + [("engage_date", pa.date32())]
        ),
    ) as writer:
        for first in range(0, rows, _PIECE):
            size = min(_PIECE, rows - first)
            part = open_deals.iloc[random.integers(0, len(open_deals), size)]
            frame = part[["sales_agent", "product", "account", "deal_stage"]].reset_index(drop=True)
            frame.insert(0, "opportunity_id", np.char.mod("%09d", np.arange(first, first + size)))
            frame["engage_date"] = part["engage_date"].dt.date.to_numpy()
            writer.write_table(pa.Table.from_pandas(frame, writer.schema, preserve_index=False))


def _fitted(data: Data, rounds: int, leaves: int) -> Any:
    from closecast.models import training

    rows = data.learnable()
    return training.fit(data.matrix(rows), rows.won, Hyperparameters(num_leaves=leaves), rounds, 7, _THREADS)


def ours(folder: Path) -> tuple[int, float]:
    """Rows and seconds of scoring the file into another, with process and model ready."""
    model = DealModel.load(folder / "model")
    model.builder.tables(_AS_OF)
    begin = time.perf_counter()
    scored = score_parquet(model, "1", folder / "deals.parquet", folder / "scored.parquet", _AS_OF, _HORIZON, _THREADS)
    return scored.rows, time.perf_counter() - begin


def bare(folder: Path) -> tuple[int, float]:
    """Rows and seconds of `Booster.predict` alone, on a matrix of features in memory."""
    model = DealModel.load(folder / "model")
    rows = pq.read_metadata(folder / "deals.parquet").num_rows
    part = next(pq.ParquetFile(folder / "deals.parquet").iter_batches(_PIECE)).to_pandas()
    part["engage_date"] = pd.to_datetime(part["engage_date"])
    subjects = model.builder.history.encode(part)
    count = len(part)
    matrix = model.builder.matrix(
        subjects, np.arange(count), np.full(count, np.datetime64(_AS_OF)), np.full(count, _HORIZON)
    )
    seconds = 0.0
    for first in range(0, rows, count):
        size = min(count, rows - first)
        begin = time.perf_counter()
        model.scorer.booster.predict(matrix[:size], threads=_THREADS)
        seconds += time.perf_counter() - begin
    return rows, seconds


def main(given: list[str]) -> int:
    """`rounds=3` and `rows=5000000` may be given."""
    if given and given[0] in ("ours", "bare"):
        rows, seconds = (ours if given[0] == "ours" else bare)(Path(given[1]))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        print(json.dumps({"rate": rows / seconds, "peak_mb": peak}))
        return 0
    chosen = arguments.read(
        given, rounds=arguments.whole(3, most=100), rows=arguments.whole(5_000_000, 1_000, most=100_000_000)
    )
    rounds, rows = chosen["rounds"], chosen["rows"]
    lines = [
        "# `just bench scoring`",
        "",
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, {_THREADS} threads; {rows:,} deals in one Parquet file, "
        f"{len(NAMES)} features; {rounds} rounds. Other work shares the machine: look at the spread. Bare is `Booster.predict` on features that are "
        "ready in memory; batch scoring reads, builds features, predicts, calibrates and writes.",
        "",
        "| model | bare, rows a second | batch scoring, rows a second | share of bare | spread | peak memory |",
        "|---|---|---|---|---|---|",
    ]
    for trees, leaves in _MODELS:
        lines.append(_row(rounds, rows, trees, leaves))
        print(lines[-1])
    lines += [
        "",
        "Target: a share of 0.60 or more, in under 1,500 MB. The smaller the trees, the more everything beside them counts.",
    ]
    _PAGE.write_text("\n".join(lines) + "\n")
    return 0


def _row(rounds: int, rows: int, trees: int, leaves: int) -> str:
    found: dict[str, list[dict[str, float]]] = {"bare": [], "ours": []}
    with tempfile.TemporaryDirectory() as scratch:
        prepare(Path(scratch), rows, trees, leaves)
        for _ in range(rounds):
            for side, measured in found.items():
                done = subprocess.run(
                    [sys.executable, "-m", "benchmarks.scoring", side, scratch],
                    check=True,
                    capture_output=True,
                    text=True,
                )
                measured.append(json.loads(done.stdout))
    rates = {side: [one["rate"] for one in measured] for side, measured in found.items()}
    shares = [one / other for one, other in zip(rates["ours"], rates["bare"], strict=True)]
    peak = max(one["peak_mb"] for one in found["ours"])
    return (
        f"| {trees} trees of {leaves} leaves | {median(rates['bare']):,.0f} | {median(rates['ours']):,.0f} | {median(shares):.2f} "
        f"| {min(shares):.2f} to {max(shares):.2f} | {peak:,.0f} MB |"
    )


if __name__ == "__main__":
    arguments.run(main)
