"""`just bench drift [rows=1000000] [rounds=2] [seeds=2] [deals=9000]`: drift found from histograms, beside Evidently.

Measured are the time of one comparison, whether the verdicts agree column by column, false alarms on data without
drift, the public file replayed week by week, and how long planted drift takes to be found.
"""

import platform
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks import arguments
from benchmarks.drift_evidently import agreement, speed
from benchmarks.drift_planted import PLANTED
from benchmarks.drift_watch import CUT, FIRST, LAST, Watch, made_up
from closecast.deals.contract import check
from closecast.deals.synthetic import generator
from closecast.monitoring import drift, rows
from closecast.monitoring.verdict import HARMFUL, conclude
from closecast.platform.sources.export import read_source

_PAGE = Path(__file__).with_name("drift.md")
_PUBLIC = Path(__file__).resolve().parents[2] / "shared" / "data" / "crm" / "sales_pipeline.csv"
_AT = (date(2017, 12, 31), date(2018, 2, 14))  # when drift is planted in them
_REAL_CUTS = (date(2017, 8, 25), date(2017, 9, 1), date(2017, 10, 1))
_REAL_AT = (date(2017, 9, 30), date(2017, 10, 25))
_WEEKS = 26  # in which planted drift has to be found
_DAY = np.timedelta64(1, "D")


def false_alarms(deals: int, seeds: range) -> list[str]:
    """A year of daily looks at data without drift."""
    lines, looked = [], 0
    paged: Counter[str] = Counter()
    plain: list[int] = []
    for seed in seeds:
        calm = made_up(generator.Settings(rows=deals, first_engaged=FIRST, last_day=LAST), seed)
        days = np.arange(np.datetime64(CUT, "D"), np.datetime64(CUT, "D") + 365) + _DAY
        for found in Watch.of(calm, CUT, fitted=False).looks(calm, days):
            looked += 1
            paged.update(kind for kind, look in found.items() if look.pages)
            plain.append(sum(column.plain_drift for column in found["open"].columns))
        print(f"seed {seed}: {looked} looks, pages {dict(paged)}", flush=True)
    lines.append(
        f"{len(seeds)} exports of {deals:,} deals without drift, {looked} daily looks at the open, the closed and the new deals: "
        f"{sum(paged.values())} pages{''.join(f', {count} for {kind} deals' for kind, count in paged.items())} "
        f"(promised: at most {3 * drift.FALSE_PAGES_A_YEAR:.2f} a year). By Evidently's rule, {np.mean(np.array(plain) > 0):.0%} of "
        f"the days have a drifted column, and {np.mean(plain):.0f} of {len(rows.SCORED)} columns on average."
    )
    return lines


def replayed(deals: pd.DataFrame, watches: dict[date, Watch]) -> list[str]:
    """The public file, week by week after the cut."""
    lines = [
        "| trained until | looks | weeks that are shifted | weeks that are harmful, estimated | nearest to its threshold | "
        "Evidently's rule: drifted columns a week |"
    ]
    lines.append("|---|---|---|---|---|---|")
    for cut, watch in watches.items():
        days = np.arange(np.datetime64(cut, "D"), np.datetime64("2018-01-01"), np.timedelta64(7, "D"))
        paged, harmful, nearest, plain = 0, 0, (0.0, ""), []
        every = list(watch.looks(deals, days))
        for found in every:
            paged += any(look.pages for look in found.values())
            harmful += conclude(found, None, 0).verdict in HARMFUL
            plain.append(sum(column.plain_drift for column in found["open"].columns))
            nearest = max(nearest, *(_nearest(kind, look) for kind, look in found.items()))
        lines.append(
            f"| {cut} | {sum(map(len, every))} | {paged} | {harmful} | {nearest[1]}, {nearest[0]:.0%} of it | "
            f"{np.mean(plain):.0f} of {len(rows.SCORED)} |"
        )
        print(lines[-1], flush=True)
    return lines


def _nearest(kind: str, look: drift.Look) -> tuple[float, str]:
    judged = (column for column in look.columns if column.state in (drift.State.STABLE, drift.State.DRIFT))
    return max(((column.distance / column.threshold, f"{kind} {column.name}") for column in judged), default=(0.0, ""))


def planted(
    kind: str, watch: Watch, versions: dict[str, Callable[[date], pd.DataFrame]], days: tuple[date, ...]
) -> list[str]:
    """How long each planted drift takes to be found, with weekly looks."""
    lines = []
    for what, version in versions.items():
        for day in days:
            deals = version(day)
            last = min(np.datetime64(day, "D") + 7 * _WEEKS, deals["close_date"].max().to_datetime64().astype("M8[D]"))
            looks = np.arange(np.datetime64(day, "D") + 7, last + _DAY, np.timedelta64(7, "D"))
            lines.append(f"| {kind} | {what} | {day} | {_first_page(watch, deals, looks, day)} |")
            print(lines[-1], flush=True)
    return lines


def _first_page(watch: Watch, deals: pd.DataFrame, days: NDArray[np.datetime64], planted_at: date) -> str:
    for at, found in zip(days, watch.looks(deals, days), strict=True):
        named = [f"{kind} {name}" for kind, look in found.items() for name in look.pages]
        if named:
            rest = f" and {len(named) - 2} more" if len(named) > 2 else ""
            return f"{(at.item() - planted_at).days} days: {', '.join(named[:2])}{rest}"
    return f"**not found** in {(days[-1].item() - planted_at).days} days"


def main(given: list[str]) -> int:
    chosen = arguments.read(
        given,
        rows=arguments.whole(1_000_000, 10_000, most=10_000_000),
        rounds=arguments.whole(2, most=20),
        seeds=arguments.whole(2, most=50),
        deals=arguments.whole(9_000, 2_000, most=100_000),
    )
    public = check(read_source(f"file:{_PUBLIC}").frame).accepted
    watches = {cut: Watch.of(public, cut, fitted=True) for cut in _REAL_CUTS}
    settings = generator.Settings(rows=chosen["deals"], first_engaged=FIRST, last_day=LAST)
    calm_deals = made_up(settings, 1)
    calm = Watch.of(calm_deals, CUT, fitted=False)
    changed = {
        "log-odds of winning 1 lower": {"drift_win": -1.0},
        "deals close twice as fast": {"drift_hazard": 2.0},
        "deals close half as fast": {"drift_hazard": 0.5},
    }
    made = {what: partial(_drifting, settings, change) for what, change in changed.items()}
    parts = {
        "Speed": speed(chosen["rows"], chosen["rounds"]),
        "Agreement with Evidently": agreement(watches[_REAL_CUTS[1]], public, calm, calm_deals),
        "Without drift": false_alarms(chosen["deals"], range(1, chosen["seeds"] + 1)),
        "The public file": replayed(public, watches),
        "Planted drift": [
            "| deals | planted | on | found after |",
            "|---|---|---|---|",
            *planted("made up", calm, made | _planted_into(calm_deals), _AT),
            *planted("public file", watches[_REAL_CUTS[1]], _planted_into(public), _REAL_AT),
        ],
    }
    lines = [
        "# `just bench drift`",
        "",
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}. Made-up deals: {chosen['deals']:,} from "
        f"{FIRST} to {LAST}, trained until {CUT}.",
        *(line for title, part in parts.items() for line in ("", f"## {title}", "", *part)),
    ]
    _PAGE.write_text("\n".join(lines) + "\n")
    print(_PAGE.read_text())
    return 0


def _planted_into(deals: pd.DataFrame) -> dict[str, Callable[[date], pd.DataFrame]]:
    return {what: partial(plant, deals) for what, plant in PLANTED.items()}


def _drifting(settings: generator.Settings, change: dict[str, float], day: date) -> pd.DataFrame:
    return made_up(replace(settings, drift_at=day, **change), 1)  # type: ignore[arg-type]


if __name__ == "__main__":
    arguments.run(main)
