"""The real file for benchmarks/proof.py: replayed week by week, and log loss estimated before outcomes."""

from datetime import date

import numpy as np
import pandas as pd

from benchmarks.proof_models import exported, predicted
from benchmarks.proof_years import dependence
from closecast.deals.horizon import QUARTER_END, Horizon
from closecast.deals.snapshots import data_end, weekly_as_of_dates
from closecast.models import metrics
from closecast.monitoring import estimate, performance
from closecast.monitoring.matured import Matured, mature
from closecast.monitoring.outcomes import Known, known

CUT, EARLIER = date(2017, 9, 1), date(2017, 7, 1)
_HORIZONS: dict[str, tuple[Horizon, ...]] = {
    "30 days and the quarter's end": (30, QUARTER_END),
    "the quarter's end": (QUARTER_END,),
}


def replay(deals: pd.DataFrame) -> tuple[list[str], bool]:
    """Lines of the page, and whether harm was claimed: the model of CUT, with a look every week until the file ends."""
    before = mature(predicted(deals, EARLIER, CUT, (30, QUARTER_END)), known(exported(deals, CUT)))
    tolerated = performance.tolerance(before.table)
    lines = [
        "## The real file, week by week",
        "",
        f"A model fitted before {CUT}, asked every week about all open deals. Each week the export of that day is imported. The tolerance is "
        f"{tolerated:.2f}, from the held-out evaluation of a model fitted before {EARLIER}. The figures are of the test that began first: excess log "
        "loss of a deal beyond the tolerance, with its confidence sequence.",
        "",
    ]
    claimed = False
    for asked, horizons in _HORIZONS.items():
        predictions = predicted(deals, CUT, data_end(deals), horizons)
        lines += [
            f"Asked about {asked}:",
            "",
            "| look | judged | count | mean excess | lower | upper | proof in any test |",
            "|---|---:|---:|---:|---:|---:|---|",
        ]
        reports: list[pd.DataFrame] = []
        for day in _looks(deals):
            reports.append(exported(deals, day))
            told = known(pd.concat(reports, ignore_index=True))
            seen = mature(predictions[predictions["as_of"] <= pd.Timestamp(day)], told)
            found = performance.watches(seen.table, tolerated)
            if not found:
                continue
            proofs = [one.proven_on for one in found if one.proven_on is not None]
            claimed |= bool(proofs)
            first = found[0].sequence
            lines.append(
                f"| {day} | {len(seen.table):,} | {first.count[-1]:,} | {first.mean[-1]:+.4f} | {first.low[-1]:+.4f} | {first.high[-1]:+.4f} "
                f"| {min(proofs) if proofs else 'none'} |"
            )
        lines += ["", _counts(told, seen), "", _dependence(seen.table), ""]
    return lines, claimed


def _looks(deals: pd.DataFrame) -> list[date]:
    end = data_end(deals)
    return [*(day.item() for day in weekly_as_of_dates(CUT, end)), end]


def _counts(told: Known, seen: Matured) -> str:
    reports, predictions = (
        ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in vars(part).items())
        for part in (told.counts, seen.counts)
    )
    return f"At the last look, reports: {reports}; predictions: {predictions}."


def _dependence(table: pd.DataFrame) -> str:
    return (
        f"Wins less chances of a week vary {dependence(table[table['counts']]):.1f} times as much as they would if deals ended independently of "
        "each other with these chances."
    )


def estimates(deals: pd.DataFrame) -> list[str]:
    """Lines of the page: log loss of each week's predictions as estimated at once, as of the latest complete week, and as it came."""
    lines = [
        "## Log loss estimated before outcomes",
        "",
        "For the predictions of each week: the log loss expected from their own probabilities, that of the latest week whose predictions had all "
        "matured by then, and the one that came. Mean absolute error over the weeks for which all three are known.",
        "",
        "| model before | horizon | weeks | log loss that came | error of the estimate | error of the latest complete week | mean estimate less what came "
        "| within two deviations |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    worst = []
    for cut in (EARLIER, CUT):
        for name, horizon in (("30 days", 30), ("quarter's end", QUARTER_END)):
            end = data_end(deals)
            judged = mature(predicted(deals, cut, end, (horizon,)), known(exported(deals, end))).table
            weeks = _by_week(judged).dropna()
            gap = weeks["expected"] - weeks["came"]
            lines.append(
                f"| {cut} | {name} | {len(weeks)} | {weeks['came'].mean():.4f} | {gap.abs().mean():.4f} "
                f"| {(weeks['latest'] - weeks['came']).abs().mean():.4f} | {gap.mean():+.4f} | {(gap.abs() <= 2 * weeks['deviation']).mean():.0%} |"
            )
            day = gap.abs().idxmax()
            worst.append(
                f"{name}, model before {cut}: {weeks['expected'][day]:.4f} expected and {weeks['came'][day]:.4f} came on {day:%Y-%m-%d}"
            )
    return [*lines, "", f"The worst weeks: {'; '.join(worst)}.", ""]


def _by_week(judged: pd.DataFrame) -> pd.DataFrame:
    came = pd.Series(
        metrics.losses(judged["won"].to_numpy(np.int8), judged["probability"].to_numpy(np.float64)), judged.index
    )
    found = pd.DataFrame({"came": came.groupby(judged["as_of"]).mean()})
    estimated = {day: estimate.expected(rows) for day, rows in judged.groupby("as_of")}
    found["expected"] = pd.Series({day: one.log_loss for day, one in estimated.items()})
    found["deviation"] = pd.Series({day: one.log_loss_deviation for day, one in estimated.items()})
    complete = judged.groupby("as_of")["matured_on"].max()
    found["latest"] = [
        found["came"][done.index[-1]] if len(done := complete[complete <= day]) else np.nan for day in found.index
    ]
    return found
