"""The forecast of the quarter ahead: what is closed, what is expected, how sure that is, and what has changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, get_args

import numpy as np
import pandas as pd

from closecast.deals.calendar import day_number
from closecast.deals.horizon import quarter_ahead
from closecast.features import History
from closecast.forecast import interval, past
from closecast.forecast.chances import ModelChances
from closecast.forecast.changes import Change, change
from closecast.forecast.expectation import Expectation, expect
from closecast.forecast.interval import Interval
from closecast.forecast.ledger import Counts, Ledger

GroupBy = Literal["product", "sales_agent", "manager", "region"]
_WEEK = timedelta(days=7)
_PARTS = ("closed", "open", "new")
_NEAR_A_WEEK = range(5, 11)  # days between two forecasts that are compared as a week apart


@dataclass(frozen=True)
class Part:
    """Deals won, or expected to be, and what they bring in cents."""

    wins: float
    cents: int


@dataclass(frozen=True)
class Group:
    """The parts of the forecast that belong to one name of a column, None for the deals without one."""

    name: str | None
    closed: Part
    open: Part
    new: Part

    @property
    def cents(self) -> int:
        return self.closed.cents + self.open.cents + self.new.cents


@dataclass(frozen=True)
class CleanUp:
    """Open deals that are older than any that ever closed, in days: how many, worth what if won, and what they add."""

    older_than: int
    deals: int
    worth_cents: int
    adds_cents: int


@dataclass(frozen=True)
class QuarterForecast:
    """The forecast of the quarter from `start` to `end` as of a date."""

    as_of: date
    start: date
    end: date
    closed: Part
    open: Part
    new: Part
    bounds: Interval  # of the whole, in the currency
    windows: int  # past forecasts that the bounds were learnt from
    groups: tuple[Group, ...]  # the largest first
    change: Change | None  # None in the quarter's first days
    last_quarter_cents: int | None  # None where the data do not have the whole quarter
    clean_up: CleanUp

    @property
    def cents(self) -> int:
        return self.closed.cents + self.open.cents + self.new.cents


def forecast(
    ledger: Ledger,
    history: History,
    chances: ModelChances,
    as_of: date,
    made: Sequence[past.Forecast],
    by: GroupBy,
) -> QuarterForecast:
    """Forecast the quarter ahead of `as_of`; `made` are forecasts of earlier dates of the same deals.

    `by` is one of `group_columns(ledger)`.
    """
    start, end = quarter_ahead(as_of, history.fiscal)
    expected = expect(ledger, history, chances, as_of, end)
    closed = ledger.won(start, as_of)
    closed_cents = int(ledger.cents[closed].sum())
    width, windows = past.Errors(ledger, made).width(as_of)
    bounds = interval.around(expected.cents / 100, expected.variance, width)
    return QuarterForecast(
        as_of=as_of,
        start=start,
        end=end,
        closed=Part(float(len(closed)), closed_cents),
        open=Part(float(expected.probability.sum()), int(expected.open_cents.sum())),
        new=Part(expected.new_wins * len(expected.recent), int(expected.new_cents.sum())),
        bounds=Interval(closed_cents / 100 + bounds.low, closed_cents / 100 + bounds.high),
        windows=windows,
        groups=_groups(ledger, closed, expected, by),
        change=_change(ledger, history, chances, start, expected, made),
        last_quarter_cents=_last_quarter(ledger, history, start),
        clean_up=_clean_up(ledger, expected),
    )


def group_columns(ledger: Ledger) -> list[GroupBy]:
    """The columns by which these deals can be divided."""
    return [name for name in get_args(GroupBy) if name in ledger.deals and ledger.deals[name].notna().any()]


def _groups(ledger: Ledger, closed: Counts, expected: Expectation, by: GroupBy) -> tuple[Group, ...]:
    names = ledger.deals[by].to_numpy(dtype=object)
    rows = np.concatenate([closed, expected.open, expected.recent])
    sums = (
        pd.DataFrame(
            {
                "name": names[rows],
                "part": np.repeat(_PARTS, [len(closed), len(expected.open), len(expected.recent)]),
                "wins": np.concatenate(
                    [np.ones(len(closed)), expected.probability, np.full(len(expected.recent), expected.new_wins)]
                ),
                "cents": np.concatenate([ledger.cents[closed], expected.open_cents, expected.new_cents]),
            }
        )
        .groupby(["name", "part"], dropna=False)
        .sum()
        .unstack(fill_value=0)
    )
    groups = [
        Group(
            name if isinstance(name, str) else None,
            *(Part(float(row["wins"].get(part, 0)), int(row["cents"].get(part, 0))) for part in _PARTS),
        )
        for name, row in sums.iterrows()
    ]
    return tuple(sorted(groups, key=lambda group: -group.cents))


def _change(
    ledger: Ledger,
    history: History,
    chances: ModelChances,
    start: date,
    now: Expectation,
    made: Sequence[past.Forecast],
) -> Change | None:
    """The change since the forecast that was recorded about a week ago, or since the date a week ago."""
    recorded = [
        one
        for one in made
        if one.run_id is not None and one.by == now.by and (now.as_of - one.as_of).days in _NEAR_A_WEEK
    ]
    kept = min(recorded, key=lambda one: abs((now.as_of - one.as_of).days - _WEEK.days), default=None)
    since = now.as_of - _WEEK if kept is None else kept.as_of
    if since < start - timedelta(days=1):
        return None
    before = None if kept is None else ledger.revenue(start, kept.as_of) + kept.cents
    return change(ledger, history, chances, start, now, since, before)


def _last_quarter(ledger: Ledger, history: History, start: date) -> int | None:
    first, last = history.fiscal.quarter(start - timedelta(days=1))
    ended = ledger.closed[ledger.is_won]
    if not len(ended) or int(ended.min()) > day_number(first) + _WEEK.days:
        return None
    return ledger.revenue(first, last)


def _clean_up(ledger: Ledger, expected: Expectation) -> CleanUp:
    longest = ledger.longest_cycle(expected.as_of)
    is_old = day_number(expected.as_of) - ledger.engaged[expected.open] > longest
    worth = expected.value[expected.open[is_old]]
    return CleanUp(longest, int(is_old.sum()), round(float(worth.sum()) * 100), int(expected.open_cents[is_old].sum()))
