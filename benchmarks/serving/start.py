"""Cold start of an instance: from exec to ready, with an empty and a filled cache, and its memory when idle."""

import time
import urllib.error
import urllib.request
from typing import Any

from benchmarks.serving import process, stack, subject
from benchmarks.serving.context import Context, spread
from ops.errors import OperatorError

TARGETS = {"seconds": 2.5, "megabytes": 250.0}
_REST = 5.0
_PATIENCE = 60.0


def run(context: Context) -> dict[str, Any]:
    """Seconds and MB (PSS of all its processes) of each round, on any core, as on a Nomad node."""
    stack.promote(context.stack, context.own.folder)
    found: dict[str, list[float]] = {"from the registry": [], "from its own cache": [], "megabytes": []}
    for number in range(context.rounds):
        room = context.room(f"start {number}")
        for name in ("from the registry", "from its own cache"):
            begin = time.perf_counter()
            instance = subject.start(context.own, room, context.stack.environment)
            try:
                _until_ready(instance)
                found[name].append(time.perf_counter() - begin)
                if name == "from its own cache":
                    process.settle(_REST)
                    found["megabytes"].append(instance.process.pss())
            finally:
                instance.process.end()
    for name, values in found.items():
        print(f"cold start, {name}: " + ", ".join(f"{value:.1f}" for value in values), flush=True)
    return {name: spread(values) for name, values in found.items()}


def _until_ready(instance: subject.Instance) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            with urllib.request.urlopen(f"{instance.base}/health/ready", timeout=1):
                return
        except (OSError, urllib.error.URLError) as error:
            if time.monotonic() > deadline:
                raise OperatorError(
                    f"the API is not ready: {error}; {instance.process.tail()}", "read its log"
                ) from error
            time.sleep(0.02)
