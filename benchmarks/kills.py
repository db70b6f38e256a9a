"""`just bench kills [rate=300] [seconds=40] [source=synthetic:3000] [only=cache,database,...]`: kill -9, under load.

Each server that the API leans on is killed while single predictions arrive at a fixed rate, and started again on the same
port and data. Counted are requests that failed, answered predictions that never reached PostgreSQL or reached it twice,
and the seconds until requests and records were as before. Nothing of it runs on Nomad, so that nothing else restarts it.
"""

import json
import os
import signal
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import kills_records
from benchmarks.serving import model, openloop, process, stack, subject
from benchmarks.serving.stack import Stack
from ops.errors import OperatorError

KINDS = ("cache", "database", "journal", "registry", "object store")
_RESULTS = Path(__file__).with_name("kills.json")
_KILL_AFTER, _DOWN = 8.0, 3.0
_DEFAULTS = {"rate": "300", "seconds": "40", "source": "synthetic:3000", "only": ",".join(KINDS)}


@dataclass(frozen=True)
class Killed:
    """What one kill did. None where nothing keeps records."""

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
    """Whether a journal runs: without one there is nothing to lose."""
    return "journal" in beside.servers


def strike(kind: str, beside: Stack, instance: subject.Instance, rate: float, seconds: float, room: Path) -> Killed:
    """Load, kill, restart, count."""
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
    return Killed(kind, found.ok, found.failed, found.unsent, found.max, lost, twice,
                  max(0.0, last_trouble - (killed_at - begin)) if last_trouble >= 0 else 0.0, recovered, caught_up)  # fmt: skip


def main(arguments: list[str]) -> int:
    given = _given(arguments)
    openloop.generator()
    if process.may_favour():
        process.favour(os.getpid())
    results = json.loads(_RESULTS.read_text()) if _RESULTS.exists() else {}
    with tempfile.TemporaryDirectory(prefix="closecast-kills-") as scratch:
        folder = Path(scratch)
        own, _ = model.train(given["source"], folder / "models")
        for kind in given["only"].split(","):
            room = folder / kind.replace(" ", "-")
            room.mkdir()
            # A stack for each: what one kill left behind must not be counted with the next.
            with stack.running(own.folder, None) as beside:
                if kind not in beside.servers:
                    print(f"{kind}: not running here, left out", flush=True)
                    continue
                with subject.running(
                    own, room / "api", beside.environment, sorted(os.sched_getaffinity(0))
                ) as instance:
                    found = strike(kind, beside, instance, float(given["rate"]), float(given["seconds"]), room)
            results[kind] = {
                **asdict(found),
                "at": datetime.now(UTC).isoformat(timespec="minutes"),
                "rate": float(given["rate"]),
            }
            print(results[kind], flush=True)
            _RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    table = page(results)
    _RESULTS.with_suffix(".md").write_text(table)
    print(table)
    return 0


def page(results: dict[str, dict[str, Any]]) -> str:
    """The table in Markdown."""
    lines = [
        "# `just bench kills`", "",
        f"kill -9 of each server beside the API, {_KILL_AFTER:.0f} s into a load of single predictions, and its restart {_DOWN:.0f} s later; "
        "lost and twice compare answered requests with rows in PostgreSQL. A dash: no journal ran, or records were not as before until the load ended.", "",
        "| killed | at | requests/s | answered | failed | slowest, ms | lost | counted twice | requests as before after, s | records as before after, s | all stored, s after the load |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
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


def _given(arguments: list[str]) -> dict[str, str]:
    given = dict(_DEFAULTS)
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if name not in given or not equals:
            raise OperatorError(f"{argument!r} is not an argument of this measure", f"known are {', '.join(given)}")
        given[name] = value
    if unknown := sorted(set(given["only"].split(",")) - set(KINDS)):
        raise OperatorError(f"there is no server {unknown[0]!r} to kill", f"known are {', '.join(KINDS)}")
    if float(given["seconds"]) < 2 * (_KILL_AFTER + _DOWN):
        raise OperatorError(f"seconds is {given['seconds']}", f"allow {2 * (_KILL_AFTER + _DOWN):.0f} or more")
    return given


if __name__ == "__main__":
    # Ended from outside, it still ends the servers that it started.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        sys.exit(main(sys.argv[1:]))
    except OperatorError as error:
        sys.exit(str(error))
