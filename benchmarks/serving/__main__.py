"""`just bench serving [rounds=3] [seconds=8] [minutes=10] [source=synthetic:20000] [only=throughput,latency,...]`.

Prepares peers and models, runs the parts, and writes benchmarks/serving.json, .md and .svg. What `only` leaves out keeps
its last results, each with its own date.
"""

import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.serving import (
    batch,
    environments,
    journal,
    latency,
    load,
    machine,
    model,
    openloop,
    plot,
    process,
    report,
    soak,
    stack,
    start,
    throughput,
    workers,
)
from benchmarks.serving.context import Context
from ops.errors import OperatorError
from ops.paths import PROJECT

PARTS: dict[str, Callable[[Context], dict[str, Any]]] = {
    "throughput": throughput.run,
    "latency": latency.run,
    "journal": journal.run,
    "workers": workers.run,
    "batch": batch.run,
    "start": start.run,
    "soak": soak.run,
}
_RESULTS = PROJECT / "benchmarks" / "serving.json"
_DEFAULTS = {"rounds": "3", "seconds": "8", "minutes": "10", "source": "synthetic:20000", "only": ",".join(PARTS)}


def main(arguments: list[str]) -> int:
    given = _given(arguments)
    chosen = given["only"].split(",")
    load.require_wrk()
    openloop.generator()
    server_core, load_core = process.cores()
    if "throughput" in chosen:
        for peer in environments.ALL:
            peer.prepare()
    if process.may_favour():
        # This process drives the load: it must not wait behind the machine's other work either.
        process.favour(os.getpid())
    results = json.loads(_RESULTS.read_text()) if _RESULTS.exists() else {"parts": {}}
    with tempfile.TemporaryDirectory(prefix="closecast-serving-") as scratch:
        folder = Path(scratch)
        print(f"training on {given['source']}", flush=True)
        own, large = model.train(given["source"], folder / "models")
        os.sched_setaffinity(0, {load_core})
        with stack.running(own.folder, [load_core]) as beside:
            context = Context(int(given["rounds"]), float(given["seconds"]), float(given["minutes"]), folder,
                              server_core, load_core, own, large, beside)  # fmt: skip
            results["machine"] = machine.describe(context, given["source"])
            for name in chosen:
                print(f"== {name}", flush=True)
                quiet = os.getloadavg()[0]
                found = PARTS[name](context)
                results["parts"][name] = {
                    "at": datetime.now(UTC).isoformat(timespec="minutes"), "rounds": context.rounds,
                    "seconds": context.seconds, "beside": sorted(beside.servers), "load_average_before": round(quiet, 1),
                    "found": found,
                }  # fmt: skip
                _RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    page = report.page(results)
    _RESULTS.with_suffix(".md").write_text(page)
    plot.draw(results, _RESULTS.with_suffix(".svg"))
    print(page)
    return 0


def _given(arguments: list[str]) -> dict[str, str]:
    given = dict(_DEFAULTS)
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if name not in given or not equals:
            raise OperatorError(f"{argument!r} is not an argument of this measure", f"known are {', '.join(given)}")
        given[name] = value
    if unknown := sorted(set(given["only"].split(",")) - PARTS.keys()):
        raise OperatorError(f"there is no part {unknown[0]!r}", f"known are {', '.join(PARTS)}")
    for name in ("rounds", "seconds", "minutes"):
        if not given[name].isdecimal() or int(given[name]) < 1:
            raise OperatorError(f"{name} is {given[name]!r}", "write a whole number of 1 or more")
    return given


if __name__ == "__main__":
    # Ended from outside, it still ends the servers that it started.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        sys.exit(main(sys.argv[1:]))
    except OperatorError as error:
        sys.exit(str(error))
