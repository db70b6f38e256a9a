"""`just bench forecast exports=<path,path,…> [mappings=<folder>] [weekdays=1]`: how far forecasts of past quarters were off.

Each export's quarters are forecast on each past date with what was known then, for fiscal years that begin in January,
February and March. `weekdays` days of each week, Sundays first, are as-of dates. Writes forecast.md.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import arguments
from closecast.deals import contract
from closecast.deals.calendar import FiscalCalendar
from closecast.deals.mapping.document import MappingError, parse
from closecast.forecast import past
from closecast.forecast.hindsight import Hindsight
from closecast.forecast.past import Forecast
from closecast.models.data import NotEnoughDataError
from closecast.platform.runtime import processors
from closecast.platform.sources.errors import SourceError
from closecast.platform.sources.export import read_source
from ops.errors import OperatorError

_PAGE = Path(__file__).with_name("forecast.md")
_MONTHS = {1: "January", 2: "February", 3: "March"}


@dataclass(frozen=True)
class Row:
    """Forecasts of one quarter: how many, how many within their bounds, and mean absolute errors as shares of its revenue.

    `last` is the error of the quarter before's revenue; None where the export begins later.
    """

    quarter: date
    dates: int
    within: int
    revenue: float
    whole: float
    open_only: float
    last: float | None
    width: float  # of the bounds, as a share of the revenue


def measured(deals: pd.DataFrame, month: int, weekdays: int, threads: int) -> Iterator[Row]:
    """The rows of each quarter that is over, for a fiscal year that begins with `month`."""
    fiscal = FiscalCalendar(month)
    hindsight = Hindsight(deals, fiscal, threads=threads)
    made: list[Forecast] = []
    for sunday in hindsight.dates():
        for later in range(weekdays):
            if (day := sunday + timedelta(days=later)) <= hindsight.data.plan.end:
                made += hindsight.forecasts(day)
    judged = [
        one
        for one in past.judged(hindsight.ledger, made, hindsight.data.plan.end, fiscal)
        if one.actual_cents is not None
    ]
    for end in sorted({one.forecast.by for one in judged}):
        yield _row(hindsight, end, [one for one in judged if one.forecast.by == end])


def _row(hindsight: Hindsight, end: date, of_quarter: Sequence[past.Judged]) -> Row:
    fiscal, ledger = hindsight.data.fiscal, hindsight.ledger
    first = fiscal.quarter(end)[0]
    before = fiscal.quarter(first - timedelta(days=1))
    actual = ledger.revenue(first, end) / 100
    # A quarter that has hardly begun when the export does says nothing of a whole one.
    known = before[0] >= hindsight.data.plan.first - timedelta(days=7)
    inside = sum(bool(one.is_within) for one in of_quarter)
    return Row(
        quarter=end,
        dates=len(of_quarter),
        within=inside,
        revenue=actual,
        whole=_error([one.total_cents for one in of_quarter], actual),
        open_only=_error([one.total_cents - one.forecast.new_cents for one in of_quarter], actual),
        last=_error([ledger.revenue(*before)], actual) if known else None,
        width=float(np.mean([(one.high - one.low) for one in of_quarter])) / actual,
    )


def _error(cents: Sequence[int], actual: float) -> float:
    return float(np.mean(np.abs(np.array(cents) / 100 - actual))) / actual


def page(found: dict[str, dict[int, list[Row]]], seconds: dict[str, float], weekdays: int) -> str:
    """The tables of forecast.md."""
    lines = [
        "# Forecasts of past quarters",
        "",
        f"Made by `just bench forecast exports=<…> weekdays={weekdays}`. Each date's forecast knows what was known on it: the model is",
        "fitted on what was known at the end of the month before, and the bounds are learnt from forecasts whose window was over.",
        "Errors are mean absolute errors as shares of what the quarter brought: of the forecast, of open and closed deals alone, and",
        "of the quarter before's revenue. The bounds are to hold in 80 % of all cases.",
        "",
    ]
    for name, calendars in found.items():
        lines += [
            f"## {name} ({seconds[name]:.0f} s)",
            "",
            "| fiscal year from | quarter to | dates | within bounds | width | forecast | without deals to come | last quarter |",
            "|---|---|---:|---:|---:|---:|---:|---:|",
        ]
        for month, rows in calendars.items():
            for row in rows:
                last = "" if row.last is None else f"{row.last:.1%}"
                lines.append(
                    f"| {_MONTHS[month]} | {row.quarter} | {row.dates} | {row.within / row.dates:.0%} | {row.width:.1%} "
                    f"| {row.whole:.1%} | {row.open_only:.1%} | {last} |"
                )
            if rows:
                lines.append(_together(month, rows))
        every = [row for rows in calendars.values() for row in rows]
        dates = sum(row.dates for row in every)
        share = f"{sum(row.within for row in every) / dates:.1%}" if dates else "none"
        lines += ["", f"Within bounds over all three calendars: {share} of {dates}.", ""]
    return "\n".join(lines)


def _together(month: int, rows: list[Row]) -> str:
    dates = sum(row.dates for row in rows)

    def mean(values: list[tuple[float, int]]) -> str:
        total = sum(count for _, count in values)
        return f"**{sum(value * count for value, count in values) / total:.1%}**" if total else ""

    known = [(row, row.last) for row in rows if row.last is not None]
    last = mean([(error, row.dates) for row, error in known])
    there = mean([(row.whole, row.dates) for row, _ in known])
    return (
        f"| {_MONTHS[month]} | **all** | {dates} | **{sum(row.within for row in rows) / dates:.1%}** "
        f"| {mean([(row.width, row.dates) for row in rows])} | {mean([(row.whole, row.dates) for row in rows])} "
        f"| {mean([(row.open_only, row.dates) for row in rows])} "
        f"| {f'{last}, and the forecast of the same quarters {there}' if known else ''} |"
    )


def main(given: list[str]) -> int:
    """Measure each export and write the page."""
    wanted = arguments.read(
        given,
        exports=arguments.text("synthetic", "files of exports, or synthetic, with commas between"),
        mappings=arguments.text("", "a folder of mapping files"),
        weekdays=arguments.whole(1, most=7),
    )
    found: dict[str, dict[int, list[Row]]] = {}
    seconds: dict[str, float] = {}
    for source in wanted["exports"].split(","):
        begin = time.monotonic()
        name, deals = _deals(source, wanted["mappings"])
        found[name] = {}
        for month in _MONTHS:
            try:
                found[name][month] = list(measured(deals, month, wanted["weekdays"], processors.usable()))
            except NotEnoughDataError as error:
                raise OperatorError(f"{name} is too short to forecast: {error}", "leave it out") from error
        seconds[name] = time.monotonic() - begin
        print(f"{name}: {seconds[name]:.0f} s", flush=True)
        _PAGE.write_text(page(found, seconds, wanted["weekdays"]))
    return 0


def _deals(source: str, mappings: str) -> tuple[str, pd.DataFrame]:
    path = Path(source)
    mapping = Path(mappings or path.parent) / f"{path.stem}.mapping.yaml"
    try:
        given = parse(mapping.read_bytes()) if mapping.exists() else None
        export = read_source("synthetic" if source == "synthetic" else f"file:{path.resolve()}", mapping=given)
        return path.name, contract.check(export.frame).accepted
    except (SourceError, contract.ContractError, MappingError) as error:
        raise OperatorError(f"{path.name} cannot be read: {error}", "name an export, or its mapping") from error


if __name__ == "__main__":
    arguments.run(main)
