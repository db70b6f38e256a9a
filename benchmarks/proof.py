"""`just bench proof [years=1000] [changes=200] [models=20] [file=<path>]`: how soon harm is proven, and how often wrongly.

The test of closecast.monitoring.performance is run on simulated years whose true chances are known, with a look every day:
years without drift, and years in which log loss rises by a tenth. Then the real file is replayed week by week, and the
log loss that is estimated before outcomes is compared with what came. Writes proof.md.
"""

import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import arguments, proof_real
from benchmarks.proof_models import exported, predicted
from benchmarks.proof_years import (
    HORIZON,
    SETTINGS,
    WATCHED,
    Values,
    Year,
    dependence,
    log_loss,
    with_weekly_shocks,
    year,
)
from closecast.deals.contract import check
from closecast.deals.synthetic.generator import Settings, generate_with_truth
from closecast.monitoring import performance
from closecast.monitoring.matured import mature
from closecast.monitoring.outcomes import known
from closecast.platform.sources.errors import SourceError
from closecast.platform.sources.export import read_source
from ops.errors import OperatorError

MOST_FALSE, LEAST_PROVEN = 0.05, 0.9
PLANTED = 1.1  # times the log loss of the true chances
PERIODS = 2
SHOCKS = 0.3  # of log-odds: makes weeks vary about as much as those of the real file
_PAGE = Path(__file__).with_name("proof.md")
_FILE = Path(__file__).resolve().parents[2] / "shared" / "data" / "crm" / "sales_pipeline.csv"
_ONSETS = range(2, 10)  # months in which harm may begin
_SIZED_ON = 20  # years on which the size of a planted harm is found
# Two years of deals, of which the model learns from the first.
_LONGER = Settings(rows=17_000, first_engaged=date(2015, 10, 1), last_day=date(2018, 2, 28))
_Change = Callable[[Values, float, np.random.Generator], Values]

CHANGES: dict[str, _Change] = {
    "all chances too high": lambda odds, size, _: odds + size,
    "all chances too low": lambda odds, size, _: odds - size,
    "too bold: log-odds too far from 0": lambda odds, size, _: odds * (1 + size),
    "too timid: log-odds too near to 0": lambda odds, size, _: odds * (1 - min(size, 0.95)),
    "noise on the log-odds": lambda odds, size, random: odds + size * random.standard_normal(len(odds)),
}


def onset(number: int) -> date:
    """The day from which the predictions of year `number` are worse: the first of a month."""
    return date(WATCHED, _ONSETS[number % len(_ONSETS)], 1)


def deadline(begin: date) -> date:
    """The end of the second period: the first harmed predictions mature in the month after `begin`."""
    return _month_later(begin, 1 + PERIODS) - timedelta(days=1)


def proven_in_time(matured: pd.DataFrame, begin: date) -> date | None:
    """The day on which harm that began on `begin` is proven within PERIODS; None if it is not."""
    until = matured[matured["matured_on"] <= pd.Timestamp(deadline(begin))]
    return performance.first_proof(until, performance.LEAST_TOLERANCE, begin)


def size_of(change: _Change, years: list[Year]) -> float:
    """The size at which a change makes log loss PLANTED times that of the true chances, by bisection."""
    odds = np.concatenate([one.log_odds for one in years])
    chances = np.concatenate([one.chances for one in years])
    wanted = PLANTED * log_loss(chances, odds)
    low, high = 0.0, 4.0
    for _ in range(40):
        size = (low + high) / 2
        found = log_loss(chances, change(odds, size, np.random.default_rng(0)))
        low, high = (low, size) if found > wanted else (size, high)
    return size


def size_of_world() -> float:
    """The change of log-odds of winning by which the predictions of the world before lose a tenth, by bisection."""
    low, high = -4.0, 0.0
    for _ in range(10):
        size = (low + high) / 2
        one = year(1, SETTINGS.first_engaged, size)
        before = np.log(one.table["probability"]) - np.log1p(-one.table["probability"])
        found = log_loss(one.chances, before.to_numpy()) / log_loss(one.chances, one.log_odds)
        low, high = (size, high) if found > PLANTED else (low, size)
    return size


def simulated(count: int) -> tuple[list[str], float]:
    """Lines of the page and the smallest share proven: years without drift, and with each planted change of the predictions."""
    sized = [year(seed) for seed in range(1, min(count, _SIZED_ON) + 1)]
    sizes = {name: size_of(change, sized) for name, change in CHANGES.items()}
    false, edge, shaken = 0, 0, 0
    dependences = []
    days: dict[str, list[int]] = {name: [] for name in CHANGES}
    judged = []
    begun = time.monotonic()
    for number in range(count):
        one = sized[number] if number < len(sized) else year(number + 1)
        judged.append(len(one.table))
        false += performance.first_proof(one.table, performance.LEAST_TOLERANCE) is not None
        off = performance.LEAST_TOLERANCE * (1 if number % 2 else -1)
        edge += performance.first_proof(one.predicting(one.log_odds + off), performance.LEAST_TOLERANCE) is not None
        shocked = with_weekly_shocks(one, SHOCKS, number)
        shaken += performance.first_proof(shocked, performance.LEAST_TOLERANCE) is not None
        dependences.append(dependence(shocked))
        begin = onset(number)
        harmed = (one.table["as_of"] >= pd.Timestamp(begin)).to_numpy()
        for name, change in CHANGES.items():
            odds = change(one.log_odds, sizes[name], np.random.default_rng(number))
            found = proven_in_time(one.predicting(np.where(harmed, odds, one.log_odds)), begin)
            days[name] += [] if found is None else [(found - begin).days]
        if number % 50 == 49:
            print(
                f"{number + 1} years in {time.monotonic() - begun:.0f} s: {false}, {edge} and {shaken} false alarms",
                flush=True,
            )
    loss = log_loss(np.concatenate([one.chances for one in sized]), np.concatenate([one.log_odds for one in sized]))
    lines = [
        "## False alarms",
        "",
        f"{count:,} years; {np.mean(judged):,.0f} predictions a year count, with a mean log loss of {loss:.3f}. Every day is looked at.",
        "",
        "| predictions | years with a false alarm | share (95 % interval) |",
        "|---|---:|---|",
        f"| the true chances | {false} | {_share(false, count)} |",
        f"| off by the whole tolerance, all year (odds times or through {np.exp(performance.LEAST_TOLERANCE):.2f}) | {edge} | {_share(edge, count)} |",
        f"| the true chances, but each week moves the log-odds of all its deals by a normal shock of {SHOCKS}, so that weeks vary "
        f"{np.mean(dependences):.1f} times as much | {shaken} | {_share(shaken, count)} |",
        "",
        _verdict(max(false, edge, shaken) / count <= MOST_FALSE, f"at most {MOST_FALSE:.0%}"),
        "",
        "## Harm that is proven",
        "",
        f"From the first of a month on (February to September in turn) predictions change so that log loss is {PLANTED - 1:.0%} above that of the "
        f"true chances. They ask about {HORIZON} days, so the first of them mature in the next month: that is the first period.",
        "",
        "| change | size, in log-odds | proven within two periods (95 % interval) | days from the change to the proof: median |",
        "|---|---:|---|---:|",
        *(
            f"| {name} | {sizes[name]:.2f} | {_share(len(found), count)} | {_median(found)} |"
            for name, found in days.items()
        ),
    ]
    return lines, min(map(len, days.values())) / count


def changed_world(count: int) -> tuple[str, float]:
    """The line of the page for years in which the world changes, and the share proven."""
    size = size_of_world()
    days = []
    for number in range(count):
        begin = onset(number)
        found = proven_in_time(year(number + 1, begin, size).table, begin)
        days += [] if found is None else [(found - begin).days]
    return (
        f"| the world: deals that close are won less often ({count} years) | {size:.2f} | {_share(len(days), count)} | {_median(days)} |",
        len(days) / count,
    )


def trained(count: int) -> list[str]:
    """Lines of the page: years without drift, with models that were trained."""
    false, tolerances = 0, []
    cut, earlier = date(WATCHED, 1, 1), date(WATCHED - 1, 10, 1)
    for seed in range(1, count + 1):
        deals = check(generate_with_truth(_LONGER, seed)[0]).accepted
        held_out = mature(predicted(deals, earlier, cut, (HORIZON,)), known(exported(deals, cut))).table
        tolerated = performance.tolerance(held_out)
        end = date(WATCHED, 12, 31)
        judged = mature(predicted(deals, cut, end, (HORIZON,)), known(exported(deals, end))).table
        proof = performance.first_proof(judged, tolerated)
        false += proof is not None
        tolerances.append(tolerated)
        print(f"model {seed}: tolerance {tolerated:.3f}, proof {proof}", flush=True)
    return [
        f"The same with {count} models that are trained as `just train` does, on the deals of the year before, each with the tolerance of its own "
        f"held-out evaluation ({min(tolerances):.2f} to {max(tolerances):.2f}): {false} false alarms ({_share(false, count)}).",
        "",
    ]


def _share(count: int, of: int) -> str:
    """A share with its 95 % interval (Wilson, 1927)."""
    z, share = 1.96, count / of
    centre = (share + z**2 / (2 * of)) / (1 + z**2 / of)
    half = z / (1 + z**2 / of) * np.sqrt(share * (1 - share) / of + z**2 / (4 * of**2))
    return f"{share:.1%} ({max(centre - half, 0):.1%} to {min(centre + half, 1):.1%})"


def _median(days: list[int]) -> str:
    return f"{np.median(days):.0f}" if days else "none"


def _verdict(met: bool, target: str) -> str:
    return f"The target, {target}, is {'met' if met else '**missed**'}."


def _month_later(day: date, months: int) -> date:
    month = day.month - 1 + months
    return date(day.year + month // 12, month % 12 + 1, 1)


def main(given: list[str]) -> int:
    chosen = arguments.read(
        given,
        years=arguments.whole(1_000, most=100_000),
        changes=arguments.whole(200, most=100_000),
        models=arguments.whole(20, most=1_000),
        file=arguments.text(str(_FILE), "an export"),
    )
    try:
        deals = check(read_source(f"file:{chosen['file']}").frame).accepted
    except SourceError as error:
        raise OperatorError(str(error), "name an export: just bench proof file=<path>") from error
    lines, proven = simulated(chosen["years"])
    world, proven_world = changed_world(chosen["changes"])
    replayed, claimed = proof_real.replay(deals)
    page = [
        "# `just bench proof`",
        "",
        "Whether the served model does harm is tested on deals whose outcome is known (`closecast/monitoring/performance.py`). A year is made by the "
        f"product's own generator ({SETTINGS.rows:,} deals from {SETTINGS.first_engaged} to {SETTINGS.last_day}, judged from January to December "
        f"{WATCHED}), which knows the true chance of each deal. A period is a month of the year in which predictions mature.",
        "",
        *lines,
        world,
        "",
        _verdict(min(proven, proven_world) >= LEAST_PROVEN, f"at least {LEAST_PROVEN:.0%} of each"),
        "",
        "## Trained models",
        "",
        *trained(chosen["models"]),
        *replayed,
        _verdict(not claimed, "no harm claimed on the real file"),
        "",
        *proof_real.estimates(deals),
    ]
    _PAGE.write_text("\n".join(page).rstrip() + "\n")
    print(_PAGE.read_text())
    return 0


if __name__ == "__main__":
    arguments.run(main)
