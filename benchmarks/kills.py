"""`just bench kills [rate=300] [seconds=40] [source=synthetic:3000] [only=cache,database,...]`: kill -9, under load.

Each server that the API depends on is killed while single predictions arrive at a fixed rate, and restarted on the same
port and data. It counts failed requests, answered predictions that never reached PostgreSQL or reached it twice, and
the seconds until requests and records recovered. Nothing runs on Nomad, so that nothing else restarts the servers.
"""

import json
import os
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import Any

from benchmarks import arguments, kills_records
from benchmarks.serving import model, openloop, process, stack, subject
from benchmarks.serving.stack import Stack

KINDS = ("cache", "database", "journal", "registry", "object store")
_RESULTS = Path(__file__).with_name("kills.json")
_KILL_AFTER, _DOWN = 8.0, 3.0


@dataclass(frozen=True)
class Killed:
    """The effect of one kill. Values about records are None without a journal."""

    kind: str
    answered: int
    failed: int
    unsent: int
    worst_ms: float
    lost: int | None
    twice: int | None
    requests_recovered: float  # seconds from the kill to the last failed request or one that took over 100 ms; 0: none
    records_recovered: (
        float | None
    )  # seconds from the kill until the newest record was fresh for good; 0: it always was
    caught_up: float | None  # seconds from the end of the load until every answer was stored


def keeps_records(beside: Stack) -> bool:
    """Whether a journal runs, so that records can be lost."""
    return "journal" in beside.servers


def strike(kind: str, beside: Stack, instance: subject.Instance, rate: float, seconds: float, room: Path) -> Killed:
    """Run the load, kill and restart the server, and count."""
    recording = keeps_records(beside)
    since = datetime.now(UTC)
    loading = openloop.begin(instance.target, rate, seconds, [min(os.sched_getaffinity(0))], room)
    begin = time.monotonic()
    time.sleep(_KILL_AFTER)
    server = beside.servers[kind]
    assert server.process is not None  # the stack began it
    watch = kills_records.Watch(beside.database_url) if recording else None
    killed_at = time.monotonic()
    server.process.kill()
    time.sleep(_DOWN)
    server.begin()
    if kind == "object store":
        stack.ensure_bucket(beside)
    found = openloop.outcome(loading, seconds)
    ended = time.monotonic()
    lost = twice = caught_up = recovered = None
    if watch:
        watch.end()
        count = kills_records.until_all_are_stored(beside.database_url, since, found.ok)
        caught_up = time.monotonic() - ended
        lost, twice = max(0, found.ok - count), max(0, count - found.ok)
        recovered = watch.recovered(killed_at)
    last_trouble = max(found.last_failure, found.last_slow)
    return Killed(
        kind,
        found.ok,
        found.failed,
        found.unsent,
        found.max,
        lost,
        twice,
        max(0.0, last_trouble - (killed_at - begin)) if last_trouble >= 0 else 0.0,
        recovered,
        caught_up,
    )


def main(given: list[str]) -> int:
    chosen = arguments.read(
        given,
        rate=arguments.whole(300, most=100_000),
        seconds=arguments.whole(40, ceil(2 * (_KILL_AFTER + _DOWN)), most=3_600),
        source=arguments.text("synthetic:3000", "a source as `just train` takes it"),
        only=arguments.names(KINDS),
    )
    openloop.generator()
    results = json.loads(_RESULTS.read_text()) if _RESULTS.exists() else {}
    with process.favoured(), tempfile.TemporaryDirectory(prefix="closecast-kills-") as scratch:
        folder = Path(scratch)
        own, _ = model.train(chosen["source"], folder / "models")
        for kind in chosen["only"]:
            room = folder / kind.replace(" ", "-")
            room.mkdir()
            # A new stack for each, so that the effects of one kill are not counted with the next.
            with stack.running(own.folder, None) as beside:
                if kind not in beside.servers:
                    print(f"{kind}: not running here, left out", flush=True)
                    continue
                with subject.running(
                    own, room / "api", beside.environment, sorted(os.sched_getaffinity(0))
                ) as instance:
                    found = strike(kind, beside, instance, float(chosen["rate"]), float(chosen["seconds"]), room)
            results[kind] = {
                **asdict(found),
                "at": datetime.now(UTC).isoformat(timespec="minutes"),
                "rate": float(chosen["rate"]),
            }
            print(results[kind], flush=True)
            _RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    table = page(results)
    _RESULTS.with_suffix(".md").write_text(table)
    print(table)
    return 0


def page(results: dict[str, dict[str, Any]]) -> str:
    """The results as a Markdown table."""
    lines = [
        "# `just bench kills`",
        "",
        f"kill -9 of each server beside the API, {_KILL_AFTER:.0f} s into a load of single predictions, and its restart {_DOWN:.0f} s later; "
        "lost and twice compare answered requests with rows in PostgreSQL. A dash: no journal ran, or records were not as before until the load ended.",
        "",
        "| killed | at | requests/s | answered | failed | slowest, ms | lost | counted twice | requests as before after, s | records as before after, s | all stored, s after the load |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for kind in KINDS:
        if kind in results:
            one = results[kind]
            lines.append(
                f"| {kind} | {one['at']} | {one['rate']:.0f} | {one['answered']:,} | {one['failed'] + one['unsent']} | {one['worst_ms']:.0f} "
                f"| {_or_none(one['lost'], '.0f')} | {_or_none(one['twice'], '.0f')} | {one['requests_recovered']:.1f} "
                f"| {_or_none(one['records_recovered'], '.1f')} | {_or_none(one['caught_up'], '.1f')} |"
            )
    return "\n".join(lines) + "\n"


def _or_none(value: float | None, form: str) -> str:
    return "-" if value is None else f"{value:{form}}"


if __name__ == "__main__":
    arguments.run(main)
