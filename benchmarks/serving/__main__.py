"""`just bench serving [rounds=3] [seconds=8] [minutes=10] [source=synthetic:20000] [only=throughput,latency,...]`.

It prepares peers and models, runs the parts, and writes benchmarks/serving.json, .md and .svg. Parts left out by `only`
keep their last results, each with its date.
"""

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import arguments
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
    shadow,
    soak,
    stack,
    start,
    throughput,
    workers,
)
from benchmarks.serving.context import Context
from ops.paths import PROJECT

PARTS: dict[str, Callable[[Context], dict[str, Any]]] = {
    "throughput": throughput.run,
    "latency": latency.run,
    "journal": journal.run,
    "shadow": shadow.run,
    "workers": workers.run,
    "batch": batch.run,
    "start": start.run,
    "soak": soak.run,
}
_RESULTS = PROJECT / "benchmarks" / "serving.json"


def main(given: list[str]) -> int:
    wanted = arguments.read(
        given,
        rounds=arguments.whole(3, most=100),
        seconds=arguments.whole(8, most=3_600),
        minutes=arguments.whole(10, most=1_440),
        source=arguments.text("synthetic:20000", "a source as `just train` takes it"),
        only=arguments.names(PARTS),
    )
    chosen = wanted["only"]
    load.require_wrk()
    openloop.generator()
    server_core, load_core = process.cores()
    if "throughput" in chosen:
        for peer in environments.ALL:
            peer.prepare()
    # This process drives the load, so it needs priority over the machine's other work too.
    with process.favoured():
        results = _measured(wanted, chosen, server_core, load_core)
    page = report.page(results)
    _RESULTS.with_suffix(".md").write_text(page)
    plot.draw(results, _RESULTS.with_suffix(".svg"))
    print(page)
    return 0


def _measured(wanted: dict[str, Any], chosen: Sequence[str], server_core: int, load_core: int) -> dict[str, Any]:
    """Run the parts `chosen`, and keep the results of each as soon as it is done."""
    results: dict[str, Any] = json.loads(_RESULTS.read_text()) if _RESULTS.exists() else {"parts": {}}
    with tempfile.TemporaryDirectory(prefix="closecast-serving-") as scratch:
        folder = Path(scratch)
        print(f"training on {wanted['source']}", flush=True)
        own, large = model.train(wanted["source"], folder / "models")
        os.sched_setaffinity(0, {load_core})
        with stack.running(own.folder, [load_core]) as beside:
            context = Context(
                wanted["rounds"],
                float(wanted["seconds"]),
                float(wanted["minutes"]),
                folder,
                server_core,
                load_core,
                own,
                large,
                beside,
            )
            results["machine"] = machine.describe(context, wanted["source"])
            for name in chosen:
                print(f"== {name}", flush=True)
                quiet = os.getloadavg()[0]
                found = PARTS[name](context)
                results["parts"][name] = {
                    "at": datetime.now(UTC).isoformat(timespec="minutes"),
                    "rounds": context.rounds,
                    "seconds": context.seconds,
                    "beside": sorted(beside.servers),
                    "load_average_before": round(quiet, 1),
                    "found": found,
                }
                _RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    return results


if __name__ == "__main__":
    arguments.run(main)
