"""A made-up company for benchmarks/simulate.py: what its CRM shows on each day, and the true chances behind it.

Deals come from the product's own generator. From the drift on, deals that close are won less often. Some outcomes are late: the
CRM shows such a deal as open for days or weeks after it has closed. Half of them are told to the API earlier than the CRM shows
them.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecast.deals.synthetic.generator import Settings, Truth, generate_with_truth, win_probability

HORIZON = 30  # days
START = date(2016, 12, 1)  # a model serves from this day on
WEEK = timedelta(days=7)
DRIFT_WIN = -2.0  # on the log-odds that a deal that closes is won
LATE_SHARE = 0.1  # of the outcomes
_LATE_DAYS = 10.0  # mean delay of those, exponential
_MOST_LATE = 45  # days
_HISTORY_DAYS = 366  # before START
_TAIL_DAYS = 90  # after the last day: the generator's last months have few new deals
_PER_MONTH = 444  # deals


@dataclass(frozen=True)
class Span:
    """What is played: from START to `end`, with the drift on `drift`."""

    months: int

    @property
    def end(self) -> date:
        """The last day."""
        return later(START, self.months) - timedelta(days=1)

    @property
    def drift(self) -> date:
        """The first day of the month in the middle."""
        return later(START, max(self.months // 2, 1))

    @property
    def days(self) -> list[date]:
        """The days on which open deals are asked about: weekly."""
        return [START + WEEK * number for number in range((self.end - START) // WEEK + 1)]


@dataclass(frozen=True, eq=False)
class World:
    """Deals, raw as the CRM exports them in the end, their truth, and when each outcome becomes known; arrays are (n,)."""

    raw: pd.DataFrame
    truth: Truth
    closed_on: NDArray[np.datetime64]  # datetime64[D], NaT for a deal that is never closed
    shown_on: NDArray[np.datetime64]  # when the CRM shows the close
    told_on: NDArray[np.datetime64]  # when the API is told; NaT for most

    def export(self, day: date) -> pd.DataFrame:
        """What the CRM exports at the end of `day`, in the contract's raw columns, all text."""
        there = self.raw["engage_date"].to_numpy(dtype=str) <= day.isoformat()
        shown = self.raw[there].copy()
        hidden = ~(self.shown_on[there] <= np.datetime64(day, "D"))
        shown.loc[hidden, ["close_date", "close_value"]] = ""
        shown.loc[hidden, "deal_stage"] = "Engaging"
        return shown

    def told(self, after: date, until: date) -> pd.DataFrame:
        """The closed deals that the API is told of in the days after `after` up to `until`."""
        told = (self.told_on > np.datetime64(after, "D")) & (self.told_on <= np.datetime64(until, "D"))
        return self.raw[told]

    def late(self, until: date) -> int:
        """How many outcomes up to `until` were shown late."""
        return int(((self.shown_on > self.closed_on) & (self.closed_on <= np.datetime64(until, "D"))).sum())

    def chances(self, deals: pd.Index, as_of: date) -> NDArray[np.float64]:
        """True chance of each of `deals`, identifiers, to be won within HORIZON days of `as_of`; NaN of those closed by then."""
        position = pd.Index(self.raw["opportunity_id"]).get_indexer(deals)
        found = win_probability(self.truth, self.raw.iloc[position], as_of, HORIZON)
        return np.where(self.closed_on[position] <= np.datetime64(as_of, "D"), np.nan, found)


def make(span: Span, seed: int, drift_win: float = DRIFT_WIN) -> World:
    """Make the world of `seed`; `drift_win` is the change of the log-odds that a deal that closes is won."""
    first, last = START - timedelta(days=_HISTORY_DAYS), span.end + timedelta(days=_TAIL_DAYS)
    settings = Settings(
        rows=round((last - first).days / 30.4 * _PER_MONTH),
        first_engaged=first,
        last_day=last,
        drift_at=span.drift,
        drift_win=drift_win,
    )
    raw, truth = generate_with_truth(settings, seed)
    raw = raw[raw["engage_date"] != ""].reset_index(drop=True)
    closed = pd.to_datetime(raw["close_date"].where(raw["close_date"] != "")).to_numpy(dtype="M8[D]")
    random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2,)))
    late = random.random(len(raw)) < LATE_SHARE
    delay = 1 + np.minimum(random.exponential(_LATE_DAYS, len(raw)).astype(np.int64), _MOST_LATE)
    tells = late & (random.random(len(raw)) < 0.5)
    shown = closed + np.where(late, delay, 0).astype("m8[D]")
    told = np.where(tells, closed + (delay // 2).astype("m8[D]"), np.datetime64("NaT", "D"))
    return World(raw, truth, closed, shown.astype("M8[D]"), told.astype("M8[D]"))


def later(day: date, months: int) -> date:
    """The first of the month that is `months` after that of `day`."""
    month = day.month - 1 + months
    return date(day.year + month // 12, month % 12 + 1, 1)
