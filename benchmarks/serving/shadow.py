"""The latency of single predictions beside shadow scoring: the same instance, with the scoring process at work and stopped."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.serving import openloop, process, stack, subject
from benchmarks.serving.context import Context, spread
from benchmarks.serving.pairs import RATE, WARM_UP_SECONDS, compared
from benchmarks.serving.stack import HOST, Dependency
from closecast import features
from closecast.platform.mlflow.registry import CHALLENGER_ROLE, ModelRegistry
from ops.errors import OperatorError

TARGET = 1.05  # of p99
_ROUNDS = 4  # times as many as of other parts: it is a small difference


def run(context: Context) -> dict[str, Any]:
    """Percentiles at 500 requests/s in milliseconds, by with and without, and the quotient of those of each round.

    The journal closes its batches after seconds instead of a quarter of an hour, and what was answered while the process was
    stopped is scored in the next round: it has more to do than on a platform. Raises OperatorError if it scored nothing.
    """
    room = context.room("shadow")
    _promote(context)
    scorer = _scorer(context, room)
    seen: dict[str, list[openloop.Open]] = {"with": [], "without": []}
    scored = []
    with (
        _hurried(context.stack.servers["journal"]),
        subject.running(context.own, room / "api", context.stack.environment, [context.server_core]) as instance,
    ):
        scorer.begin()
        assert scorer.process is not None
        try:
            openloop.steady(instance.target, RATE, 4 * WARM_UP_SECONDS, context.load, room)  # by then a batch is closed
            for _ in range(_ROUNDS * context.rounds):
                for name, number in (("with", signal.SIGCONT), ("without", signal.SIGSTOP)):
                    for one in scorer.process.family():
                        one.send_signal(number)
                    before = _scored(context)
                    seen[name].append(openloop.steady(instance.target, RATE, context.seconds, context.load, room))
                    if name == "with":
                        scored.append((_scored(context) - before) / context.seconds)
        finally:
            for one in scorer.process.family():
                one.send_signal(signal.SIGCONT)
            scorer.end()
    if not sum(scored):
        raise OperatorError("nothing was scored in shadow", f"read {room}")
    found = compared(seen)
    found["scored"] = spread(scored)
    print("shadow: p99 x " + ", ".join(f"{one:.2f}" for one in found["quotients"]["p99"]["values"]), flush=True)
    return found


@contextmanager
def _hurried(journal: Dependency) -> Iterator[None]:
    """Have the journal close its batches after a second, and as before afterwards: other parts are measured beside it."""
    usual = journal.environment
    _restart(journal, {**usual, "CLOSECAST_ARCHIVE_SECONDS": "1"})
    try:
        yield
    finally:
        _restart(journal, usual)


def _restart(server: Dependency, environment: dict[str, str]) -> None:
    server.end()
    server.environment = environment
    server.begin()


def _promote(context: Context) -> None:
    """Make the model the champion, and have the larger one in shadow: both say that they learnt from the same deals."""
    card = context.own.model.card
    basis = {
        "source": "benchmark",
        "fiscal_year_start": "1",
        "features": ",".join(features.NAMES),
        "data_as_of": card.data_as_of,
    }
    champion, challenger = (stack.register(context.stack, one.folder, basis) for one in (context.own, context.large))
    registry = ModelRegistry(context.stack.environment["MLFLOW_TRACKING_URI"])
    registry.promote(champion)
    registry.put_in_shadow(challenger, CHALLENGER_ROLE, datetime.now(UTC))


def _scorer(context: Context, room: Path) -> Dependency:
    port = process.free_port()
    variables = {
        **context.stack.environment,
        "CLOSECAST_HOST": HOST,
        "CLOSECAST_PORT": str(port),
        "CLOSECAST_MODEL_CACHE": str(room / "models"),
        "OMP_WAIT_POLICY": "passive",
    }
    command = [sys.executable, "-m", "services.shadow"]
    ready = f"http://{HOST}:{port}/health"
    return Dependency("shadow", command, variables, ready, room / "scorer", context.load)


def _scored(context: Context) -> int:
    with psycopg.connect(context.stack.database_url) as connection:
        row = connection.execute("SELECT count(*) FROM shadow_predictions").fetchone()
    assert row is not None
    return int(row[0])
