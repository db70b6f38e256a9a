"""The latency of recording predictions: the same instance with and without the prediction journal."""

from typing import Any

from benchmarks.serving import openloop, stack, subject
from benchmarks.serving.context import Context
from benchmarks.serving.pairs import RATE, WARM_UP_SECONDS, compared

TARGET = 1.1  # of p50


def run(context: Context) -> dict[str, Any]:
    """Percentiles at 500 requests/s in milliseconds, by with and without, and the quotient of those of each round.

    Without a cache the instance keeps no journal; it then counts limits by itself too, which takes as long.
    """
    room = context.room("journal")
    stack.promote(context.stack, context.own.folder)
    bare = {name: value for name, value in context.stack.environment.items() if name != "CLOSECAST_CACHE_URL"}
    seen: dict[str, list[openloop.Open]] = {"with": [], "without": []}
    with (
        subject.running(context.own, room / "with", context.stack.environment, [context.server_core]) as kept,
        subject.running(context.own, room / "without", bare, [context.server_core]) as unkept,
    ):
        instances = {"with": kept, "without": unkept}
        for instance in instances.values():
            openloop.steady(instance.target, RATE, WARM_UP_SECONDS, context.load, room)
        for _ in range(2 * context.rounds):  # it is a small difference
            for name, instance in instances.items():
                seen[name].append(openloop.steady(instance.target, RATE, context.seconds, context.load, room))
    found = compared(seen)
    print("journal: p50 x " + ", ".join(f"{one:.2f}" for one in found["quotients"]["p50"]["values"]), flush=True)
    return found
