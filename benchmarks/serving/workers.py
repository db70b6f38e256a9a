"""Scaling with workers: each core runs one worker and its load, first alone, then both at once.

A machine with two cores has no spare core for the load; since each core runs the same mix, the comparison is fair.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

from benchmarks.serving import load, stack, subject
from benchmarks.serving.context import Context, spread

TARGET = 1.7
_WARM_UP = 3


def run(context: Context) -> dict[str, Any]:
    """Rates of one worker and of two, their ratio, and the workers' processor time per request."""
    room = context.room("workers")
    stack.promote(context.stack, context.own.folder)
    places = [context.server_core, context.load_core]
    one: list[float] = []
    two: list[float] = []
    cost: dict[str, list[float]] = {"one": [], "two": []}
    with ExitStack() as running, ThreadPoolExecutor(len(places)) as pool:
        instances = [
            running.enter_context(subject.running(context.own, room / str(core), context.stack.environment, [core]))
            for core in places
        ]

        def rate(number: int, seconds: float) -> float:
            return load.closed(instances[number].target, seconds, [places[number]], context.room(f"load {number}")).rate

        list(pool.map(rate, range(2), [_WARM_UP] * 2))
        for _ in range(context.rounds):
            for rates, numbers, label in ((one, [0], "one"), (two, [0, 1], "two")):
                before = sum(instances[number].process.cpu() for number in numbers)
                rates.append(sum(pool.map(rate, numbers, [context.seconds] * len(numbers))))
                used = sum(instances[number].process.cpu() for number in numbers) - before
                cost[label].append(used / (rates[-1] * context.seconds) * 1e6)
    ratios = [both / alone for both, alone in zip(two, one, strict=True)]
    print("two workers over one: " + ", ".join(f"{ratio:.2f}" for ratio in ratios), flush=True)
    return {
        "one": spread(one),
        "two": spread(two),
        "ratio": {**spread(ratios), "target": TARGET},
        "microseconds": {label: spread(values) for label, values in cost.items()},
    }
