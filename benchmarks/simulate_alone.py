"""`just bench simulate_alone [seeds=1,2,3] [tenths=20]`: the year of `just simulate` in the library alone, with several seeds.

The same deals, questions, judgements, training, gate and comparison, without services: features are of each day's export, a look is
made each week, and posted outcomes are left out. `tenths` is by how many tenths the log-odds of winning fall. Writes
benchmarks/simulate.md.
"""

import time
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import arguments, simulate_scores
from benchmarks.asked import open_deals
from benchmarks.proof import deadline
from benchmarks.simulate_scores import LEAST_RECOVERED, Values
from benchmarks.simulate_world import HORIZON, START, Span, make
from closecast.deals.contract import check
from closecast.features import FeatureBuilder, History
from closecast.models import candidate as candidates
from closecast.models import promotion
from closecast.models.candidate import Candidate
from closecast.models.card import CHAMPION
from closecast.monitoring import performance
from closecast.monitoring.comparison import BETTER, compare
from closecast.monitoring.matured import mature
from closecast.monitoring.outcomes import Known, known
from closecast.monitoring.reference import Reference
from closecast.platform.monitoring import exported

PAGE = Path(__file__).with_name("simulate.md")
_CHEAP = promotion.Cost(1.0, 1_000_000)
_FIRST_LOOKS = timedelta(days=60)  # nothing can be proved earlier


@dataclass(frozen=True)
class Asked:
    """The open deals of a day: their identifiers, features and true chances, NaN for those that have closed unseen."""

    day: date
    deals: "pd.Series[str]"
    matrix: Values
    chance: Values

    def predictions(self, probability: Values, run: str) -> pd.DataFrame:
        """The predictions of these deals, with PREDICTION_COLUMNS of closecast.monitoring.matured."""
        return pd.DataFrame(
            {
                "deal": self.deals.to_numpy(),
                "as_of": pd.Timestamp(self.day),
                "horizon_days": HORIZON,
                "model_version": run,
                "run_id": run,
                "probability": probability,
            }
        )

    def excess(self, probability: Values) -> Values:
        """Of the deals that are open."""
        is_open = ~np.isnan(self.chance)
        return simulate_scores.excess(self.chance[is_open], probability[is_open])


@dataclass
class Year:
    """What happened with one seed."""

    seed: int
    gate: str = ""
    tolerance: float = 0.0
    proved_on: date | None = None
    refused: str = ""
    promoted_on: date | None = None
    before: float = float("nan")
    harmed: float = float("nan")
    old: float = float("nan")
    new: float = float("nan")

    def row(self, span: Span) -> str:
        share = (self.old - self.new) / (self.old - self.before)
        proved = "none" if self.proved_on is None else f"{self.proved_on} ({(self.proved_on - span.drift).days})"
        is_met = (
            self.proved_on is not None
            and span.drift <= self.proved_on <= deadline(span.drift)
            and self.promoted_on is not None
            and share >= LEAST_RECOVERED
        )
        return (
            f"| {self.seed} | {self.gate} | {self.tolerance:.2f} | {proved} | {self.refused or 'accepted'} | {self.promoted_on or 'no'} "
            f"| {_figure(self.before)} | {_figure(self.harmed)} | {_figure(self.old)} | {_figure(self.new)} | {_figure(share, '.0%')} "
            f"| {'all' if is_met else 'not all'} |"
        )


def play(span: Span, seed: int, drift_win: float) -> Year:
    """Play the year of `seed`."""
    world, year = make(span, seed, drift_win), Year(seed)
    champion = candidates.build(check(world.export(START)).accepted, 7, 1)
    alone = promotion.decide(champion.held_out, _CHEAP, "there is none")
    year.gate = "accepted" if alone.promoted else "refused"
    year.tolerance = Reference.of(champion, 1).tolerance
    asked: list[Asked] = []
    old: list[Values] = []
    new: list[Values] = []
    found: Known | None = None
    challenger: Candidate | None = None
    for day in span.days:
        deals = check(world.export(day)).accepted
        deals = deals[deals["engage_date"].notna()].reset_index(drop=True)
        builder = FeatureBuilder(History(deals, day))
        position, matrix = open_deals(builder, deals, day, HORIZON)
        names = deals["opportunity_id"].iloc[position]
        asked.append(Asked(day, names, matrix, world.chances(pd.Index(names), day)))
        old.append(champion.scorer.predict(matrix))
        found = known(exported.reports(deals), found)
        if challenger is not None:
            new.append(challenger.scorer.predict(matrix))
            if year.promoted_on is None and not year.refused and _is_better(asked, old, new, found, day):
                year.promoted_on = day
        elif day > START + _FIRST_LOOKS:
            made = [one.predictions(p, "old") for one, p in zip(asked, old, strict=True)]
            table = mature(pd.concat(made, ignore_index=True), found).table
            year.proved_on = performance.first_proof(table, year.tolerance)
            if year.proved_on is not None:
                challenger = candidates.build(deals, 7, 1)
                year.refused = _refused(challenger, champion)
    _measure(year, span, asked, old, new)
    return year


def _is_better(asked: list[Asked], old: list[Values], new: list[Values], found: Known, day: date) -> bool:
    """Whether outcomes prove the new one better, by what both said since it was made."""
    since = len(asked) - len(new)
    made = [one.predictions(p, "pair") for one, p in zip(asked[since:], new, strict=True)]
    served = np.concatenate(old[since:])
    matured = mature(pd.concat(made, ignore_index=True), found, spread_first=True)
    judged, waiting = (
        one.assign(served=served[one.index], shadow=one["probability"]) for one in (matured.table, matured.waiting)
    )
    return compare(judged, waiting, day).verdict == BETTER


def _refused(challenger: Candidate, champion: Candidate) -> str:
    """Why the gate refuses the challenger; empty where it does not."""
    parts = tuple(
        replace(part, predictions={**part.predictions, CHAMPION: champion.twin.predict(split.test.matrix)})
        for part, split in zip(challenger.held_out, challenger.splits, strict=True)
    )
    decision = promotion.decide(parts, _CHEAP, None, outcomes_follow=True)
    return "" if decision.promoted else decision.reasons[0]


def _measure(year: Year, span: Span, asked: list[Asked], old: list[Values], new: list[Values]) -> None:
    since = len(asked) - len(new)
    ours = [one.excess(p) for one, p in zip(asked, old, strict=True)]
    theirs = [np.empty(0)] * since + [one.excess(p) for one, p in zip(asked[since:], new, strict=True)]
    days = [one.day for one in asked]
    end = year.promoted_on or date.max
    year.before = _mean([e for e, day in zip(ours, days, strict=True) if day < span.drift - timedelta(days=HORIZON)])
    year.harmed = _mean([e for e, day in zip(ours, days, strict=True) if span.drift <= day < end])
    year.old = _mean([e for e, day in zip(ours, days, strict=True) if day >= end])
    year.new = _mean([e for e, day in zip(theirs, days, strict=True) if day >= end])


def _figure(value: float, form: str = ".4f") -> str:
    return "-" if np.isnan(value) else f"{value:{form}}"


def _mean(parts: list[Values]) -> float:
    return float(np.concatenate(parts).mean()) if parts else float("nan")


def main(given: list[str]) -> int:
    chosen = arguments.read(
        given, seeds=arguments.wholes((1, 2, 3), 0, most=1_000_000), tenths=arguments.whole(20, most=50)
    )
    span, rows = Span(12), []
    for seed in chosen["seeds"]:
        begin = time.monotonic()
        rows.append(play(span, seed, -chosen["tenths"] / 10).row(span))
        print(f"{rows[-1]} ({time.monotonic() - begin:.0f} s)", flush=True)
    lines = [
        "# `just bench simulate_alone`",
        "",
        f"The year of `just simulate` in the library alone: from {START} to {span.end}, with a drift of {-chosen['tenths'] / 10} on the log-odds of "
        f"winning on {span.drift}. Harm is to be proved by {deadline(span.drift)}. The excess is the log loss to be expected beyond that of the true "
        "chances; the former champion and the new one are compared on the same predictions from the promotion on.",
        "",
        "| seed | first model at the gate | tolerance | harm proved (days after the drift) | challenger at the gate | promoted | excess before the drift "
        "| from it to the promotion | after it, former | after it, new | recovered | met |",
        "|---|---|---:|---|---|---|---:|---:|---:|---:|---:|---|",
        *rows,
    ]
    PAGE.write_text("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    arguments.run(main)
