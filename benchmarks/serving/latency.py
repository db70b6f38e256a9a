"""Open loop: latencies at 500 requests a second and at 80 % of saturation, beside the echo at 500 and at 80 % of its own."""

from typing import Any

from benchmarks.serving import load, openloop, peers, stack, subject
from benchmarks.serving.context import Context, spread
from benchmarks.serving.load import Target

RATE, SHARE = 500.0, 0.8
TARGETS = {"at 500/s": 3.0, "at 80 % of saturation": 10.0}
_FIGURES = ("p50", "p90", "p99", "p999", "max", "lag_p99")
_WARM_UP = 3
# What the machine adds: a server that does nothing meets the same pauses of the cores, and the same queue behind them.
_ECHO = ("echo at 500/s", "echo at 80 % of its own")


def run(context: Context) -> dict[str, Any]:
    """By load: the spread of each percentile, in milliseconds."""
    seen: dict[str, list[openloop.Open]] = {name: [] for name in (*TARGETS, *_ECHO)}
    most: list[float] = []
    room = context.room("latency")
    stack.promote(context.stack, context.own.folder)
    with (
        subject.running(context.own, room / "api", context.stack.environment, [context.server_core]) as instance,
        peers.running(peers.ECHO, context.own, room / "echo", context.server_core) as (_, echo),
    ):
        bare = Target(echo.url, instance.target.headers, instance.target.bodies)
        openloop.steady(instance.target, RATE, _WARM_UP, context.load, room)
        for _ in range(context.rounds):
            for names, target in ((tuple(TARGETS), instance.target), (_ECHO, bare)):
                # What saturates a core on a shared machine changes within minutes: it is measured anew for each round. What
                # earlier load left to be recorded would be worked off beside the next one, and is not part of it.
                stack.settle(context.stack, instance.process)
                rate = load.closed(target, context.seconds, context.load, room).rate
                if target is instance.target:
                    most.append(rate)
                for name, asked in zip(names, (RATE, SHARE * rate), strict=True):
                    stack.settle(context.stack, instance.process)
                    seen[name].append(openloop.steady(target, asked, context.seconds, context.load, room))
    for name, results in seen.items():
        print(f"{name}: p99 " + ", ".join(f"{one.p99:.2f}" for one in results) + " ms", flush=True)
    return {
        "saturation": spread(most),
        "loads": {
            name: {figure: spread([getattr(one, figure) for one in results]) for figure in _FIGURES}
            for name, results in seen.items()
        },
    }
