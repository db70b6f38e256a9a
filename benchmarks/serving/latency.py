"""Open loop: latencies at 500 requests a second and at 80 % of saturation, beside the echo at 500 and at 80 % of its own."""

from typing import Any

from benchmarks.serving import load, openloop, peers, stack, subject
from benchmarks.serving.context import Context, spread
from benchmarks.serving.load import Target
from benchmarks.serving.throughput import saturation

RATE, SHARE = 500.0, 0.8
TARGETS = {"at 500/s": 3.0, "at 80 % of saturation": 10.0}
_FIGURES = ("p50", "p90", "p99", "p999", "max", "lag_p99")
_WARM_UP = 3
# What the machine adds: a server that does nothing meets the same pauses of the cores, and the same queue behind them.
_ECHO = ("echo at 500/s", "echo at 80 % of its own")


def run(context: Context) -> dict[str, Any]:
    """By load: the spread of each percentile, in milliseconds."""
    most = saturation(context)
    loads = {"at 500/s": RATE, "at 80 % of saturation": SHARE * most}
    seen: dict[str, list[openloop.Open]] = {name: [] for name in (*loads, *_ECHO)}
    room = context.room("latency")
    stack.promote(context.stack, context.own.folder)
    with (
        subject.running(context.own, room / "api", context.stack.environment, [context.server_core]) as instance,
        peers.running(peers.ECHO, context.own, room / "echo", context.server_core) as (_, echo),
    ):
        bare = Target(echo.url, instance.target.headers, instance.target.bodies)
        openloop.steady(instance.target, RATE, _WARM_UP, context.load, room)
        bare_most = load.closed(bare, context.seconds, context.load, room).rate
        for _ in range(context.rounds):
            for name, rate in loads.items():
                # What earlier load left to be recorded would be worked off beside this one, and is not part of it.
                stack.settle(context.stack, instance.process)
                seen[name].append(openloop.steady(instance.target, rate, context.seconds, context.load, room))
            stack.settle(context.stack, instance.process)
            for name, rate in zip(_ECHO, (RATE, SHARE * bare_most), strict=True):
                seen[name].append(openloop.steady(bare, rate, context.seconds, context.load, room))
    for name, results in seen.items():
        print(f"{name}: p99 " + ", ".join(f"{one.p99:.2f}" for one in results) + " ms", flush=True)
    return {
        "saturation": most,
        "rates": loads,
        "loads": {
            name: {figure: spread([getattr(one, figure) for one in results]) for figure in _FIGURES}
            for name, results in seen.items()
        },
    }
