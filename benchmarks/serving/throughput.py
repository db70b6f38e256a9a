"""Closed loop, 8 connections, one worker: requests per second of Closecast and of each peer, alternately."""

from contextlib import ExitStack
from typing import Any

from benchmarks.serving import load, peers, stack, subject
from benchmarks.serving.context import Context, spread
from benchmarks.serving.load import Closed, Target
from benchmarks.serving.model import Subject

OURS = "Closecast"
TARGETS = {"mlflow models serve": 15.0, "MLServer": 3.5, "FastAPI + pydantic": 1.5, "ASGI echo": 0.30}
_WARM_UP = 3


def run(context: Context) -> dict[str, Any]:
    """By model: each server's rates and latencies, and the ratios to the adjacent run of Closecast."""
    found = {model.label: _beside_peers(context, model) for model in (context.own, context.large)}
    context.shared["saturation"] = found[context.own.label]["servers"][OURS]["rate"]["median"]
    return found


def _beside_peers(context: Context, model: Subject) -> dict[str, Any]:
    stack.promote(context.stack, model.folder)
    room = context.room(f"throughput {model.label}")
    with ExitStack() as running:
        instance = running.enter_context(
            subject.running(model, room / "api", context.stack.environment, [context.server_core])
        )
        targets: dict[str, Target] = {OURS: instance.target}
        for peer in peers.PEERS:
            place = room / peer.name.replace(" ", "-")
            targets[peer.name] = running.enter_context(peers.running(peer, model, place, context.server_core))[1]
        _, echo = running.enter_context(peers.running(peers.ECHO, model, room / "echo", context.server_core))
        targets[peers.ECHO.name] = Target(echo.url, instance.target.headers, instance.target.bodies)
        for target in targets.values():
            load.closed(target, _WARM_UP, context.load, room)
        seen: dict[str, list[Closed]] = {name: [] for name in targets}
        ratios: dict[str, list[float]] = {name: [] for name in targets if name != OURS}
        for number in range(context.rounds):
            for name in ratios:
                theirs, ours = (load.closed(targets[who], context.seconds, context.load, room) for who in (name, OURS))
                seen[name].append(theirs)
                seen[OURS].append(ours)
                ratios[name].append(ours.rate / theirs.rate)
            rates = ", ".join(f"{name} {results[-1].rate:,.0f}/s" for name, results in seen.items())
            print(f"{model.label}, round {number + 1} of {context.rounds}: {rates}", flush=True)
    return {
        "servers": {
            name: {figure: spread([getattr(one, figure) for one in results]) for figure in ("rate", "p50", "p99")}
            for name, results in seen.items()
        },
        "ratios": {name: {**spread(values), "target": TARGETS.get(name)} for name, values in ratios.items()},
    }


def saturation(context: Context) -> float:
    """Closecast's closed-loop rate, measured unless an earlier part has done so."""
    if "saturation" not in context.shared:
        room = context.room("saturation")
        stack.promote(context.stack, context.own.folder)
        with subject.running(context.own, room / "api", context.stack.environment, [context.server_core]) as instance:
            load.closed(instance.target, _WARM_UP, context.load, room)
            rates = [load.closed(instance.target, context.seconds, context.load, room).rate for _ in range(3)]
        context.shared["saturation"] = sorted(rates)[1]
    return context.shared["saturation"]
