"""Training data: an export's deals, their split in time, and their feature values."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecast.deals.calendar import CALENDAR_YEAR, FiscalCalendar
from closecast.deals.horizon import Horizon
from closecast.deals.snapshots import (
    DEFAULT_HORIZONS,
    Snapshots,
    data_end,
    training_rows,
    weekly_as_of_dates,
)
from closecast.features import EncodedDeals, FeatureBuilder, History, uniform_draw
from closecast.features.build import STAGES
from closecast.features.stages import UNKNOWN

_HELD_OUT_SHARE = 0.4
_ONE_DAY = timedelta(days=1)
_LAST_WEEK = timedelta(days=7)
_WARM_UP = timedelta(days=28)  # the first weeks have no history, so a model can't learn from them how to use it
_WITHOUT_HISTORY = 0.1  # share of the deals
MAX_TRAINING_ROWS = 2_000_000
_DATES = 520  # as-of dates whose tables stay in memory, half a megabyte each: ten years of weeks, used a dozen times


class NotEnoughDataError(ValueError):
    """The export is too short or too small for training and evaluation."""


@dataclass(frozen=True)
class Plan:
    """The split of an export in time: as-of dates from `first` on, held out from `cut` on, nothing known after `end`."""

    first: date
    cut: date
    end: date


def plan(deals: pd.DataFrame, cut: date | None = None) -> Plan:
    """Plan as-of dates from the first close on (before, no deal closes), cut at the month nearest to 60 %.

    Raises NotEnoughDataError when no deal is closed, the closes span less than four weeks, or `cut` is outside of them.
    """
    closes = deals["close_date"].dropna()
    if closes.empty:
        raise NotEnoughDataError(f"none of the {len(deals)} deals is closed; a model learns from deals Won and Lost")
    first, end = pd.Timestamp(closes.min()).date(), data_end(deals)
    if end - first < 4 * _LAST_WEEK:
        raise NotEnoughDataError(
            f"the export runs from its first close on {first} to {end}, {(end - first).days} days; needed are 28 "
            "or more, and about six months for both targets"
        )
    if cut is not None and not first < cut < end:
        raise NotEnoughDataError(f"the cut {cut} is not between the first close on {first} and the last date, {end}")
    ideal = first + (end - first) * (1 - _HELD_OUT_SHARE)
    return Plan(first, nearest_month(ideal) if cut is None else cut, end)


def nearest_month(day: date) -> date:
    """The first day of a month that is nearest to `day`; of two, the earlier."""
    this_month = day.replace(day=1)
    next_month = (this_month + timedelta(days=31)).replace(day=1)
    return min((this_month, next_month), key=lambda month: abs(month - day))


class Data:
    """The engaged deals of one export, their split in time, and their feature values."""

    def __init__(self, deals: pd.DataFrame, cut: date | None = None, fiscal: FiscalCalendar = CALENDAR_YEAR) -> None:
        """`deals` are accepted deals (closecast.deals.contract), quarters those of `fiscal`.

        Raises NotEnoughDataError.
        """
        self.plan, self.fiscal = plan(deals, cut), fiscal
        self.deals = deals[deals["engage_date"].notna()].reset_index(drop=True)
        self.builder = FeatureBuilder(History(self.deals, self.plan.end, fiscal), _DATES)

    @cached_property
    def encoded_deals(self) -> EncodedDeals:
        """The deals encoded with the history's codes."""
        return self.builder.history.encode(self.deals)

    def rows(
        self,
        horizons: tuple[Horizon, ...] = DEFAULT_HORIZONS,
        seen_from: date | None = None,
        known_before: date | None = None,
        most: int | None = None,
    ) -> Snapshots:
        """Weekly labelled rows of the whole span. The last as-of date has a full week after it.

        With `seen_from`, of as-of dates on or after it; with `known_before`, those whose label window ended before it:
        what could have been learnt from by then (the embargo). `most` as of training_rows.
        """
        dates = weekly_as_of_dates(self.plan.first, self.plan.end - _LAST_WEEK)
        if seen_from is not None:
            dates = dates[dates >= np.datetime64(seen_from, "D")]
        end = self.plan.end if known_before is None else min(self.plan.end, known_before - _ONE_DAY)
        return training_rows(self.deals, dates, horizons, end, self.fiscal, most)

    def learnable(self, before: date | None = None, most: int | None = None) -> Snapshots:
        """Training rows of all horizons: after the warm-up, with labels known before `before` (default: all).

        Above `most` (default: MAX_TRAINING_ROWS), deals are sampled systematically: more deals are better than more snapshots of each.
        """
        begin = self.plan.first + min(_WARM_UP, ((before or self.plan.end) - self.plan.first) / 4)
        return self.rows(seen_from=begin, known_before=before, most=most or MAX_TRAINING_ROWS)

    def matrix(self, rows: Snapshots) -> NDArray[np.float64]:
        """Feature values of `rows`, (n, len(NAMES)), float64."""
        return self.builder.matrix(self.encoded_deals, rows.deal, rows.as_of, rows.horizon_days)

    def fitting_matrix(self, rows: Snapshots) -> NDArray[np.float64]:
        """`matrix` to fit on: a tenth of the deals, drawn by identifier, are seen without their stage history.

        So a model learns what a deal's chance is when its history is not known.
        """
        matrix = self.matrix(rows)
        if self.builder.history.stages is not None:
            drawn = [uniform_draw(f"history {one}") < _WITHOUT_HISTORY for one in self.deals["opportunity_id"]]
            matrix[np.array(drawn)[rows.deal], STAGES] = UNKNOWN
        return matrix
