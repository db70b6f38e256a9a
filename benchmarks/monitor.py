"""`just bench monitor [rows=5000000]`: time and peak memory of one night's monitoring with a week of so many predictions.

A model is trained on made-up deals, and asked about those that are open on each of seven days. PostgreSQL then makes as many
copies of these predictions as are wanted, each with deals of its own. `judge` takes in an export in which each deal has moved
on, and judges every prediction; `look` is the window of all of them with their outcomes. Each runs in a process of its own.
Writes benchmarks/monitor.md.
"""

import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import psycopg

from benchmarks import arguments, asked, children
from benchmarks.serving import stack
from benchmarks.simulate_world import HORIZON, START, Span, World, make
from closecast.deals.contract import check
from closecast.features import FeatureBuilder, History
from closecast.models import candidate as candidates
from closecast.models.candidate import Candidate
from closecast.monitoring.reference import Reference
from closecast.platform.database import connect
from closecast.platform.journal.entry import Entry
from closecast.platform.journal.store import insert
from closecast.platform.mlflow.identity import Identity
from closecast.platform.monitoring import exported, judging
from closecast.platform.monitoring import look as looks
from closecast.platform.runtime.processors import usable

MOST_MB = 4_096
_DAYS = 7
_LAST = START + timedelta(days=_DAYS)
_KNOWN = _LAST + timedelta(days=HORIZON)  # all of them have matured
_RUN, _SEED = "benchmark", 7
_PAGE = Path(__file__).with_name("monitor.md")


def judge(folder: Path, url: str) -> str:
    """Take in the export, and judge all predictions."""
    with connect(url) as connection:
        done = judging.judge(connection, pd.read_parquet(folder / "reports.parquet"))
    return f"{done.judged:,} predictions judged"


def look(folder: Path, url: str) -> str:
    """Compare the window with the reference, and test its outcomes."""
    with connect(url) as connection:
        seen = looks.look(connection, Reference.load(folder / "reference"), _RUN, START, _LAST, None)
    compared = seen.figures["looks"]["open"]
    counted = seen.figures["matured"]
    return (
        f"{seen.finding.verdict}: {compared['rows']:,} rows of {compared['deals']:,} deals; {counted:,} outcomes count"
    )


STAGES: dict[str, Callable[[Path, str], str]] = {stage.__name__: stage for stage in (judge, look)}


def prepare(folder: Path, connection: "psycopg.Connection[tuple[object, ...]]", rows: int) -> int:
    """Store the predictions, the reference and the reports in `connection` and `folder`; returns how many predictions there are."""
    world = make(Span(2), _SEED)
    candidate = candidates.build(check(world.export(START)).accepted, _SEED, usable())
    (folder / "reference").mkdir()
    Reference.of(candidate, usable()).save(folder / "reference")
    entries = [_answered(candidate, world, START + timedelta(days=day)) for day in range(1, _DAYS + 1)]
    insert(connection, entries)
    predictions = sum(len(one.rows) for one in entries)
    copies = -(-rows // predictions)
    names = [
        name
        for (name,) in connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'predictions' ORDER BY ordinal_position"
        ).fetchall()
    ]
    columns = ", ".join(f'"{name}"' for name in names)
    own = {"id": "gen_random_uuid()", "opportunity_id": "opportunity_id || '-' || copy"}
    values = ", ".join(own.get(str(name), f'"{name}"') for name in names)
    connection.execute(
        f"INSERT INTO predictions ({columns}) SELECT {values} FROM predictions, generate_series(2, {copies}) AS copy"
    )
    connection.execute("ANALYZE predictions")
    reports = exported.reports(check(world.export(_KNOWN)).accepted)
    reports = reports[reports["deal"].isin({deal for one in entries for deal in one.deals["opportunity_id"]})]
    every = [
        reports if copy == 1 else reports.assign(deal=reports["deal"] + f"-{copy}") for copy in range(1, copies + 1)
    ]
    pd.concat(every, ignore_index=True).to_parquet(folder / "reports.parquet")
    return copies * predictions


def _answered(candidate: Candidate, world: World, day: date) -> Entry:
    """What the model says on `day` of all open deals."""
    deals = check(world.export(day)).accepted
    deals = deals[deals["engage_date"].notna()].reset_index(drop=True)
    builder = FeatureBuilder(History(deals, day))
    return asked.entry(candidate.scorer, builder, deals, day, HORIZON, Identity("1", _RUN))


def _run(stage: str, folder: Path) -> None:
    begin = time.perf_counter()
    did = STAGES[stage](folder, os.environ["CLOSECAST_DATABASE_URL"])
    seconds = time.perf_counter() - begin
    # Of this program alone; getrusage would tell that of the process before it as well.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    print(json.dumps({"did": did, "seconds": seconds, "peak_mb": int(status["VmHWM"].split()[0]) / 1e3}))


def main(given: list[str]) -> int:
    if given and given[0] == "stage":
        _run(given[1], Path(given[2]))
        return 0
    chosen = arguments.read(given, rows=arguments.whole(5_000_000, 10_000, most=20_000_000))
    with tempfile.TemporaryDirectory(prefix="closecast-monitor-") as scratch, stack.database() as url:
        folder = Path(scratch)
        with connect(url) as connection:
            rows = prepare(folder, connection, chosen["rows"])
        print(f"{rows:,} predictions are stored", flush=True)
        lines = []
        for stage in STAGES:
            # The address has the password in it: not for a command line.
            found = children.stage("benchmarks.monitor", stage, folder, {"CLOSECAST_DATABASE_URL": url})
            above = f" (**above {MOST_MB:,}**)" if found["peak_mb"] > MOST_MB else ""
            lines.append(f"| {stage} | {found['seconds']:,.0f} | {found['peak_mb']:,.0f}{above} | {found['did']} |")
            print(lines[-1], flush=True)
    page = [
        "# `just bench monitor`",
        "",
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}. A week of {rows:,} predictions, "
        "with the outcomes of all deals, in a PostgreSQL of its own. Other work shares the machine.",
        "",
        "| stage | clock, s | peak memory, MB | what was done |",
        "|---|---:|---:|---|",
        *lines,
    ]
    _PAGE.write_text("\n".join(page) + "\n")
    return 0


if __name__ == "__main__":
    arguments.run(main)
