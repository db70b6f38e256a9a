"""`just simulate [months=12] [seed=1] [every=7] [minutes=75]`: a year of made-up deals through the real services.

A company sells as the real file's does, and in the middle of the year its deals begin to be won less often. Each week the CRM's
export is written anew, all open deals are asked about, late outcomes are posted, and every `every` days the flow `monitor` looks.
The clock is passed as data. A platform of its own is brought up for it and deleted afterwards, and it ends after `minutes` at the
latest. A run of twelve months writes docs/simulation.md and .svg.
"""

import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import FrameType
from typing import NoReturn

from benchmarks import arguments, simulate_page, simulate_scores
from benchmarks.simulate_platform import Look, Platform, running
from benchmarks.simulate_world import HORIZON, START, WEEK, Span, World, make
from closecast.features import NAMES
from ops.cli.progress import say, started
from ops.errors import OperatorError


@dataclass
class Played:
    """What happened, in the order in which it did."""

    asked: int = 0
    told: int = 0
    looks: list[Look] = field(default_factory=list)
    served: dict[date, str] = field(default_factory=dict)  # the version that answered, by day
    pages: list[tuple[date, str, str]] = field(default_factory=list)  # day, rule, summary
    notes: list[tuple[date, str, str]] = field(default_factory=list)


def play(platform: Platform, world: World, span: Span, every: int) -> Played:
    """Play the weeks of `span`."""
    played, seen, last_look = Played(), 0, None
    before = START - WEEK
    for day in span.days:
        shown = world.export(day)
        platform.export(shown)
        played.told += platform.tell(world.told(before, day))
        version, scored = platform.ask(shown[shown["deal_stage"] == "Engaging"], day, HORIZON)
        played.asked += scored
        played.served[day] = version
        line = f"{day}: version {version} answered about {scored:,} deals"
        if last_look is None or (day - last_look).days >= every:
            platform.settle()
            look = platform.look(day)
            platform.settle()
            last_look = day
            played.looks.append(look)
            line += f"; {look.verdict}" + "".join(f"; {one}" for one in look.done)
        for number, rule, severity, summary in platform.records.alerts(seen):
            seen = number
            (played.pages if severity == "page" else played.notes).append((day, rule, summary))
            line += f"; {severity}: {rule}"
        say(line)
        before = day
    return played


def main(given: list[str]) -> int:
    chosen = arguments.read(
        given,
        months=arguments.whole(12, 2, most=36),
        seed=arguments.whole(1, 0, most=1_000_000),
        every=arguments.whole(7, 7, most=28),
        minutes=arguments.whole(75, 10, most=600),
    )
    started()
    _end_after(60 * chosen["minutes"])
    span = Span(chosen["months"])
    world = make(span, chosen["seed"])
    begin = time.monotonic()
    with running(world.export(START)) as platform:
        say("the platform is up")
        platform.hurry()
        platform.just("prefect-pause", "monitor/closecast")
        played = play(platform, world, span, chosen["every"])
        result = _result(platform, world, span, played)
        say("the year is over; the platform is taken down")
    page = simulate_page.page(result, chosen, time.monotonic() - begin)
    print(page)
    if chosen["months"] == 12:
        simulate_page.write(page, result)
    return 0 if result.is_met else 1


def _result(platform: Platform, world: World, span: Span, played: Played) -> simulate_page.Result:
    """Score what was recorded by the true chances, with every model that served or was in shadow."""
    retrained = [str(one["result"]["version"]) for one in platform.records.retrainings() if one["state"] == "done"]
    versions = list(dict.fromkeys([*played.served.values(), *retrained]))
    with tempfile.TemporaryDirectory() as cache:
        models = {
            version: platform.registry.served(platform.registry.identity(version), Path(cache)).model.scorer.predict
            for version in versions
        }
    table = simulate_scores.scored(platform.records.predictions(), world.chances, models, len(NAMES))
    return simulate_page.Result(
        span=span,
        table=table,
        versions=versions,
        served=played.served,
        looks=played.looks,
        pages=played.pages,
        notes=played.notes,
        retrainings=platform.records.retrainings(),
        changes=platform.records.changes(),
        asked=played.asked,
        told=played.told,
        late=world.late(span.end),
    )


def _end_after(seconds: int) -> None:
    """Have the main thread end by an OperatorError after `seconds`, so that everything is taken down."""

    def end(_number: int, _frame: FrameType | None) -> NoReturn:
        raise OperatorError(f"the simulation took more than {seconds // 60} minutes", "give it more: minutes=120")

    signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    arguments.run(main)
