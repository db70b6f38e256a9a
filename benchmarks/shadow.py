"""`just bench shadow [years=1000]`: how rarely a worse challenger is promoted, and how soon a better one is.

Two models answer the same questions, and closecast.monitoring.comparison compares them every day of a simulated year whose true
chances are known (benchmarks/proof_years.py). Writes shadow.md and shadow.json.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import arguments
from benchmarks.proof_years import SETTINGS, WATCHED, Values, Year, dependence, log_loss, with_weekly_shocks, year
from closecast.models.metrics import sigmoid
from closecast.monitoring.comparison import ALPHA, BETTER, BOUND, INCONCLUSIVE, Comparison, Forecast, compare

MOST_WRONG = 0.01  # of the years may promote a worse challenger
GAPS = (0.01, 0.05, 0.10)  # by which the log loss of the worse of the two is above that of the better one
OWN_NOISE = 0.3  # of log-odds, by deal: no model knows the true chances
SHOCKS = 0.3  # of log-odds, as in benchmarks/proof.py
_WAITING_DAYS = 30
_SIZED_ON = 20
_FOLDER = Path(__file__).parent
_END = date(WATCHED, 12, 31)
_Change = Callable[[Values, float, Values], Values]

CHANGES: dict[str, _Change] = {
    "noise on the log-odds": lambda odds, size, noise: odds + size * noise,
    "all chances too high": lambda odds, size, _: odds + size,
    "too bold: log-odds too far from 0": lambda odds, size, _: odds * (1 + size),
}


@dataclass
class Case:
    """Years of one comparison: how often either verdict was given, and after how many deals and days the right one."""

    years: int = 0
    right: int = 0
    wrong: int = 0
    deals: list[int] = field(default_factory=list)
    days: list[int] = field(default_factory=list)

    def add(self, found: Comparison, table: pd.DataFrame, right: str) -> None:
        self.years += 1
        self.right += found.verdict == right
        self.wrong += found.verdict not in (right, INCONCLUSIVE)
        if found.verdict == right and found.decided_on is not None:
            self.deals.append(int((table["matured_on"] <= pd.Timestamp(found.decided_on)).sum()))
            self.days.append((found.decided_on - date(WATCHED, 1, 1)).days)


@dataclass
class Forecasts:
    """Deals and days forecast before any outcome, as shares of those that it took."""

    deals: list[float] = field(default_factory=list)
    days: list[float] = field(default_factory=list)

    def add(self, told: Forecast, case: Case) -> None:
        """Compare with the year that was added to `case` last, which was decided."""
        if told.deals is not None and told.likely_by is not None:
            self.deals.append(told.deals / case.deals[-1])
            self.days.append((told.likely_by - date(WATCHED, 1, 1)).days / max(case.days[-1], 1))


def noises(one: Year, seed: int) -> tuple[Values, Values, Values]:
    """Three draws of standard normal noise, the same for all questions of a deal, each (n,)."""
    random = np.random.default_rng(seed)
    deal = one.table["deal"].to_numpy()
    drawn = random.standard_normal((3, int(deal.max()) + 1))[:, deal]
    return drawn[0], drawn[1], drawn[2]


def size_of(change: _Change, gap: float, years: list[Year]) -> float:
    """The size at which a change puts log loss `gap` above that of the better model, by bisection."""
    odds = np.concatenate([one.log_odds + OWN_NOISE * noises(one, at)[0] for at, one in enumerate(years)])
    other = np.concatenate([noises(one, at)[2] for at, one in enumerate(years)])
    chances = np.concatenate([one.chances for one in years])
    wanted = (1 + gap) * log_loss(chances, odds)
    low, high = 0.0, 4.0
    for _ in range(40):
        size = (low + high) / 2
        low, high = (low, size) if log_loss(chances, change(odds, size, other)) > wanted else (size, high)
    return size


def pairs(one: Year, served: Values, shadow: Values) -> pd.DataFrame:
    """The questions of a year with both probabilities, from log-odds."""
    return one.table.assign(served=sigmoid(served), shadow=sigmoid(shadow))


def beforehand(table: pd.DataFrame) -> Forecast:
    """The forecast after `_WAITING_DAYS` of questions, none of which has its outcome."""
    first = table[table["as_of"] < table["as_of"].min() + pd.Timedelta(days=_WAITING_DAYS)]
    found = compare(table[:0], first, date(WATCHED - 1, 12, 31)).forecast
    assert found is not None  # nothing is decided without outcomes
    return found


def simulated(count: int) -> tuple[dict[str, Case], dict[str, Forecasts], float]:
    """Cases and forecasts by name, and how many times as much weeks with shocks vary."""
    sized = [year(seed) for seed in range(1, min(count, _SIZED_ON) + 1)]
    sizes = {(name, gap): size_of(change, gap, sized) for name, change in CHANGES.items() for gap in GAPS}
    cases: dict[str, Case] = {}
    forecasts: dict[str, Forecasts] = {}
    varied = []
    begun = time.monotonic()
    for number in range(count):
        one = sized[number] if number < len(sized) else year(number + 1)
        shocked = with_weekly_shocks(one, SHOCKS, number)
        varied.append(dependence(shocked))
        own, second, other = noises(one, number)
        good = one.log_odds + OWN_NOISE * own
        equal = pairs(one, good, one.log_odds + OWN_NOISE * second)
        for name, table in (("equal", equal), ("equal, weekly shocks", equal.assign(won=shocked["won"]))):
            cases.setdefault(name, Case()).add(compare(table, table[:0], _END), table, BETTER)
        for (change, gap), size in sizes.items():
            table = pairs(one, CHANGES[change](good, size, other), good)
            name = f"{gap:.0%}, {change}"
            cases.setdefault(name, Case()).add(compare(table, table[:0], _END), table, BETTER)
            if gap == GAPS[0] and change.startswith("noise"):
                shaken = table.assign(won=shocked["won"])
                cases.setdefault(f"{name}, weekly shocks", Case()).add(
                    compare(shaken, shaken[:0], _END), shaken, BETTER
                )
            if gap > GAPS[0] and cases[name].years == len(cases[name].deals):
                forecasts.setdefault(f"{name}; the challenger off by noise of its own", Forecasts()).add(
                    beforehand(table), cases[name]
                )
            if gap > GAPS[0] and change.startswith("noise"):
                ideal = pairs(one, CHANGES[change](good, size, other), one.log_odds)
                case = cases.setdefault(f"{name}; the true chances as challenger", Case())
                case.add(compare(ideal, ideal[:0], _END), ideal, BETTER)
                if case.years == len(case.deals):
                    forecasts.setdefault(f"{name}; the true chances as challenger", Forecasts()).add(
                        beforehand(ideal), case
                    )
        if number % 50 == 49:
            print(f"{number + 1} years in {time.monotonic() - begun:.0f} s", flush=True)
    return cases, forecasts, float(np.mean(varied))


def _share(count: int, of: int) -> str:
    """A share with its 95 % interval (Wilson, 1927)."""
    z, share = 1.96, count / of
    centre = (share + z**2 / (2 * of)) / (1 + z**2 / of)
    half = z / (1 + z**2 / of) * np.sqrt(share * (1 - share) / of + z**2 / (4 * of**2))
    return f"{share:.1%} ({max(centre - half, 0):.1%} to {min(centre + half, 1):.1%})"


def _spread(values: list[int] | list[float], form: str) -> str:
    if not values:
        return "none"
    return " / ".join(form.format(one) for one in np.quantile(values, [0.1, 0.5, 0.9]))


def page(cases: dict[str, Case], forecasts: dict[str, Forecasts], varied: float) -> list[str]:
    """The lines of shadow.md."""
    count = cases["equal"].years
    worst = max(case.wrong for name, case in cases.items() if not name.startswith("equal"))
    promoted = max(case.right for name, case in cases.items() if name.startswith("equal"))
    gapped = {name: case for name, case in cases.items() if not name.startswith("equal")}
    return [
        "# `just bench shadow`",
        "",
        "Two models answer the same questions, one serving and one in shadow, and are compared every day by the outcomes so far "
        f"(`closecast/monitoring/comparison.py`: 1 in {1 / ALPHA:.0f} for either verdict, a deal's score within {BOUND:g}). A year is made by the "
        f"product's own generator ({SETTINGS.rows:,} deals, judged from January to December {WATCHED}, about 19,700 deals that count, 380 a week). "
        f"The better model is off the true chances by normal noise of {OWN_NOISE} on the log-odds of each deal; the worse one is that model changed as "
        f"named, so that its log loss is above by the share named. {count:,} years each, a look every day.",
        "",
        "## Which challenger is promoted",
        "",
        f"With weekly shocks, each week moves the log-odds of all its deals by a normal shock of {SHOCKS}: wins of a week vary {varied:.1f} times as "
        "much. A challenger is as good as the champion where each is off by noise of its own of the same size.",
        "",
        "| champion and challenger | the worse one is promoted | the better one is promoted within the year |",
        "|---|---|---|",
        f"| equal | {_share(cases['equal'].right, count)} | |",
        f"| equal, weekly shocks | {_share(cases['equal, weekly shocks'].right, count)} | |",
        *(
            f"| {name} | {_share(case.wrong, case.years)} | {_share(case.right, case.years)} |"
            for name, case in gapped.items()
        ),
        "",
        f"The target, a worse challenger in at most {MOST_WRONG:.0%}, is {'met' if worst <= MOST_WRONG * count else '**missed**'}; "
        f"an equal one is promoted in {promoted / count:.1%} at most.",
        "",
        "## How long it takes to find a better one",
        "",
        "Of the years in which it is found, the 10th, 50th and 90th percentile.",
        "",
        "| champion and challenger | deals that have matured | weeks |",
        "|---|---|---|",
        *(
            f"| {name} | {_spread(case.deals, '{:,.0f}')} | {_spread([day / 7 for day in case.days], '{:.0f}')} |"
            for name, case in gapped.items()
        ),
        "",
        "## The forecast before any outcome",
        "",
        f"Made from {_WAITING_DAYS} days of questions whose outcomes are not known. Deals and days forecast, as shares of those that it then took: 10th, "
        "50th and 90th percentile, of the cases that were decided in every year. 1 is right; less than 1 promises too much. It takes the challenger's "
        "chances for true: where they are off, it takes longer than forecast.",
        "",
        "| champion and challenger | deals | days |",
        "|---|---|---|",
        *(
            f"| {name} | {_spread(told.deals, '{:.2f}')} | {_spread(told.days, '{:.2f}')} |"
            for name, told in forecasts.items()
        ),
    ]


def main(given: list[str]) -> int:
    count = arguments.read(given, years=arguments.whole(1_000, most=100_000))["years"]
    cases, forecasts, varied = simulated(count)
    (_FOLDER / "shadow.md").write_text("\n".join(page(cases, forecasts, varied)) + "\n")
    figures = {
        "years": count,
        "cases": {
            name: {
                "better_promoted": case.right,
                "worse_promoted": case.wrong,
                "deals": _quantiles(case.deals),
                "days": _quantiles(case.days),
            }
            for name, case in cases.items()
        },
        "forecasts": {
            name: {"deals": _quantiles(told.deals), "days": _quantiles(told.days)} for name, told in forecasts.items()
        },
    }
    (_FOLDER / "shadow.json").write_text(json.dumps(figures, indent=1) + "\n")
    print((_FOLDER / "shadow.md").read_text())
    return 0


def _quantiles(values: list[int] | list[float]) -> list[float]:
    """10th, 50th and 90th percentile; empty without values."""
    return [round(float(one), 3) for one in np.quantile(values, [0.1, 0.5, 0.9])] if values else []


if __name__ == "__main__":
    arguments.run(main)
