"""Open loop: latencies at 500 requests per second and at 80 % of saturation, compared with the echo."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from benchmarks.serving import load, openloop, pace, peers, stack, subject
from benchmarks.serving.context import Context, spread
from benchmarks.serving.load import Closed, Target
from benchmarks.serving.openloop import Open
from benchmarks.serving.pace import Pace

RATE, SHARE = 500.0, 0.8
AT_RATE, AT_SHARE = "at 500/s", "at 80 % of saturation"
ECHO_AT_RATE, ECHO_AT_SHARE = "echo at 500/s", "echo at 80 % of its own"
TARGETS = {AT_RATE: 3.0, AT_SHARE: 10.0}
KEPT = ", the core at its pace"
_FIGURES = ("p50", "p90", "p99", "p999", "max", "lag_p99")
_WARM_UP = 3
# At 80 % a core may lose a fifth of its speed before it falls behind; rounds with a larger loss are reported separately and
# measured again, at most this often.
LOST = 1.15
TRIES = 4
Result = TypeVar("Result", Open, Closed)


@dataclass(frozen=True)
class _Load:
    """One open load, and the core's slowdown in the worst tenth of a second, relative to saturation."""

    found: Open
    slowdown: float


def run(context: Context) -> dict[str, Any]:
    """By load: the spread of each percentile, in milliseconds."""
    seen: dict[str, list[_Load]] = {name: [] for name in (AT_RATE, AT_SHARE, ECHO_AT_RATE, ECHO_AT_SHARE)}
    most: list[float] = []
    room = context.room("latency")
    stack.promote(context.stack, context.own.folder)
    with (
        subject.running(context.own, room / "api", context.stack.environment, [context.server_core]) as instance,
        peers.running(peers.ECHO, context.own, room / "echo", context.server_core) as (_, echo),
        pace.watched(context.server_core, room) as core,
    ):
        bare = Target(echo.url, instance.target.headers, instance.target.bodies)
        openloop.steady(instance.target, RATE, _WARM_UP, context.load, room)

        def closed(target: Target) -> Closed:
            # Let the journal finish the records of earlier loads first.
            stack.settle(context.stack, instance.process)
            return load.closed(target, context.seconds, context.load, room)

        def opened(target: Target, rate: float) -> Open:
            stack.settle(context.stack, instance.process)
            return openloop.steady(target, rate, context.seconds, context.load, room)

        for _ in range(context.rounds):
            # The saturation of a core on a shared machine changes within minutes: measure it for each round.
            for names, target in (((AT_RATE, AT_SHARE), instance.target), ((ECHO_AT_RATE, ECHO_AT_SHARE), bare)):
                saturated, own_pace, _ = _steadily(core, partial(closed, target))[-1]
                if target is instance.target:
                    most.append(saturated.rate)
                for name, rate in zip(names, (RATE, SHARE * saturated.rate), strict=True):
                    # A core that idles between requests is slower than a busy one, even without other load.
                    tries = 1 if rate == RATE else TRIES
                    found = _steadily(core, partial(opened, target, rate), own_pace, tries)
                    seen[name] += [_Load(one, slowdown) for one, _, slowdown in found]
    return {"saturation": spread(most), "loads": _table(seen)}


def _steadily(
    core: Pace, measure: Callable[[], Result], own_pace: float | None = None, most: int = TRIES
) -> list[tuple[Result, float, float]]:
    """Measure until the core kept its pace meanwhile: each result, the typical time of the work, and the slowdown.

    The slowdown is against `own_pace`, unless that is to be found out.
    """
    tries: list[tuple[Result, float, float]] = []
    for _ in range(most):
        found = measure()
        end = time.monotonic()
        begin = end - found.seconds
        typical = core.typical(begin, end)
        tries.append((found, typical, core.worst(begin, end) / (own_pace or typical)))
        if tries[-1][-1] < LOST:
            break
    return tries


def _table(seen: dict[str, list[_Load]]) -> dict[str, Any]:
    rows = {}
    for name, loads in seen.items():
        rows[name] = loads
        if name in (AT_SHARE, ECHO_AT_SHARE):
            rows[name + KEPT] = [one for one in loads if one.slowdown < LOST]
    for name, loads in rows.items():
        print(
            f"{name}: p99 " + ", ".join(f"{one.found.p99:.2f} (x{one.slowdown:.2f})" for one in loads) + " ms",
            flush=True,
        )
    return {
        name: {
            "slowdown": spread([one.slowdown for one in loads]),
            **{figure: spread([getattr(one.found, figure) for one in loads]) for figure in _FIGURES},
        }
        for name, loads in rows.items()
        if loads
    }
