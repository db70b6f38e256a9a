"""A soak test: half of saturation for ten minutes, with the instance's memory every few seconds."""

import os
import time
from typing import Any

from benchmarks.serving import openloop, stack, subject
from benchmarks.serving.context import Context
from benchmarks.serving.throughput import saturation

SHARE = 0.5
GROWTH_MB = 10.0  # more than this between the second minute and the end is no flat memory
_EVERY = 5.0
_LOG_BYTES = 50_000_000


def run(context: Context) -> dict[str, Any]:
    """Memory over time (seconds, MB), its growth after the first minute, and failures and latencies of the whole time."""
    rate, seconds = SHARE * saturation(context), context.soak_minutes * 60
    room = context.room("soak")
    stack.promote(context.stack, context.own.folder)
    samples: list[tuple[float, float]] = []
    with subject.running(context.own, room / "api", context.stack.environment, [context.server_core]) as instance:
        loading = openloop.begin(instance.target, rate, seconds, context.load, room)
        begin = time.monotonic()
        while loading.popen.poll() is None:
            samples.append((round(time.monotonic() - begin, 1), round(instance.process.pss(), 1)))
            # Nomad rotates a task's log; a file would only grow.
            if instance.process.log.stat().st_size > _LOG_BYTES:
                os.truncate(instance.process.log, 0)
            time.sleep(_EVERY)
        found = openloop.outcome(loading, seconds)
    settled = [size for at, size in samples if at >= min(60.0, seconds / 4)]
    part = max(1, len(settled) // 5)
    first, last = sum(settled[:part]) / part, sum(settled[-part:]) / part
    print(f"soak: {found.ok:,} answered, {found.failed} failed, {first:.1f} MB then {last:.1f} MB", flush=True)
    return {
        "rate": rate,
        "minutes": context.soak_minutes,
        "ok": found.ok,
        "failed": found.failed,
        "unsent": found.unsent,
        "p50": found.p50,
        "p99": found.p99,
        "max": found.max,
        "first_mb": first,
        "last_mb": last,
        "growth_mb": last - first,
        "target_growth_mb": GROWTH_MB,
        "samples": samples,
    }
