"""The deals of an export as arrays: what was won when, what was open, and what a deal is usually won at."""

from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecast.deals.calendar import day_number, day_numbers

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
RECENT_DAYS = 90


class Ledger:
    """The n engaged deals of an export. Immutable; safe from several threads."""

    def __init__(self, deals: pd.DataFrame) -> None:
        """`deals` are accepted deals (closecast.features.history.COLUMNS); those without an engage date are left out."""
        self.deals = deals[deals["engage_date"].notna()].reset_index(drop=True)
        self.engaged = day_numbers(self.deals["engage_date"])  # days since 1970-01-01, (n,)
        self.closed = day_numbers(self.deals["close_date"])  # the same; NEVER while open
        self.is_won: NDArray[np.bool_] = (self.deals["deal_stage"] == "Won").to_numpy()
        paid = np.nan_to_num(self.deals["close_value"].to_numpy(dtype=np.float64))
        self.cents = np.where(self.is_won, np.rint(paid * 100), 0).astype(np.int64)  # what it was won at, (n,)
        codes, _ = pd.factorize(self.deals["product"].to_numpy(dtype=object))
        self._product = codes.astype(np.int64)
        wins = np.flatnonzero(self.is_won)
        order = wins[np.argsort(self.closed[wins], kind="stable")]
        self._win_days = self.closed[order]
        self._win_cents = np.concatenate([[0], np.cumsum(self.cents[order])])

    def __len__(self) -> int:
        return len(self.deals)

    def won(self, first: date, last: date) -> Counts:
        """Positions of the deals won from `first` to `last`, both included."""
        begin, end = day_number(first), day_number(last)
        return np.flatnonzero(self.is_won & (self.closed >= begin) & (self.closed <= end))

    def revenue(self, first: date, last: date) -> int:
        """What was won from `first` to `last`, both included, in cents."""
        begin, end = np.searchsorted(self._win_days, [day_number(first), day_number(last) + 1])
        return int(self._win_cents[end] - self._win_cents[begin])

    def open(self, as_of: date) -> Counts:
        """Positions of the deals that were open at the end of `as_of`."""
        day = day_number(as_of)
        return np.flatnonzero((self.engaged <= day) & (self.closed > day))

    def recent(self, as_of: date) -> tuple[Counts, int]:
        """Positions of the deals engaged in the last RECENT_DAYS up to `as_of`, and the days that were looked at.

        The days are fewer where the export begins later; at least one.
        """
        day = day_number(as_of)
        days = min(RECENT_DAYS, max(1, day + 1 - int(self.engaged.min()))) if len(self) else 1
        return np.flatnonzero((self.engaged > day - days) & (self.engaged <= day)), days

    def values(self, as_of: date) -> tuple[Floats, float]:
        """What each deal is worth if it is won, (n,), in the currency of close_value, and how much that varies.

        It is the mean of its product's wins before `as_of`; where there is none, of all wins; 0 where nothing was won.
        The second value is the square of the coefficient of variation about these means.
        """
        known = np.flatnonzero(self.is_won & (self.closed < day_number(as_of)))
        if not len(known):
            return np.zeros(len(self)), 0.0
        paid, product = self.cents[known] / 100, self._product[known]
        products = int(self._product.max()) + 1
        wins = np.bincount(product, minlength=products)
        totals = np.bincount(product, weights=paid, minlength=products)
        mean = np.where(wins > 0, totals / np.maximum(wins, 1), paid.mean())
        expected = mean[product]
        scale = float((expected**2).sum())
        spread = float(((paid - expected) ** 2).sum()) / scale if scale else 0.0
        return mean[self._product], spread

    def longest_cycle(self, as_of: date) -> int:
        """The longest time from engagement to close of all deals closed by `as_of`, in days; 0 before the first."""
        known = self.closed <= day_number(as_of)
        return int((self.closed - self.engaged)[known].max()) if known.any() else 0
