"""What is expected to be won between an as-of date and a later one: from open deals, and from deals not engaged yet.

Both are sums over deals in whole cents, so that any grouping of the deals adds up exactly.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from closecast.features import History
from closecast.forecast import newcomers
from closecast.forecast.ledger import Counts, Floats, Ledger

# Probabilities that deals at these positions are won within a number of days after a date.
Chances = Callable[[Counts, date, int], Floats]


@dataclass(frozen=True, eq=False)
class Expectation:
    """What is expected to be won after `as_of` and no later than `by`; cents and positions in a Ledger.

    Deals that are not engaged yet are taken to be like the recent ones: each of these stands for its share of them.
    """

    as_of: date
    by: date
    open: Counts  # positions of the open deals, (n,)
    probability: Floats  # (n,)
    open_cents: Counts  # (n,)
    recent: Counts  # positions of the deals engaged lately, (m,)
    new_wins: float  # wins of deals not engaged yet that each of `recent` stands for
    new_cents: Counts  # (m,)
    value: Floats  # what each deal of the ledger is worth if it is won
    variance: float  # of the sum, if each deal is won or not independently of the others; in the currency, squared

    @property
    def cents(self) -> int:
        """The whole sum."""
        return int(self.open_cents.sum()) + int(self.new_cents.sum())


def expect(ledger: Ledger, history: History, chances: Chances, as_of: date, by: date) -> Expectation:
    """What is expected by `by` with what was known as of `as_of`.

    `history` is that of the ledger's deals. Deals are won at what `Ledger.values` says. The number of deals won of those
    not engaged yet is taken for a Poisson variable, whose rate is that of the last days.
    """
    rows = ledger.open(as_of)
    value, spread = ledger.values(as_of)
    probability = chances(rows, as_of, (by - as_of).days)
    worth = value[rows]
    recent, days = ledger.recent(as_of)
    new_wins = newcomers.wins(history.before(as_of).cycles, as_of, by, history.fiscal) / days
    squared = worth**2 * (1 + spread)
    return Expectation(
        as_of=as_of,
        by=by,
        open=rows,
        probability=probability,
        open_cents=cents(probability * worth),
        recent=recent,
        new_wins=new_wins,
        new_cents=cents(new_wins * value[recent]),
        value=value,
        variance=float((probability * squared - (probability * worth) ** 2).sum())
        + float(new_wins * (value[recent] ** 2 * (1 + spread)).sum()),
    )


def cents(amounts: NDArray[np.float64]) -> Counts:
    """Amounts of a currency as whole hundredths of it; shape kept."""
    return np.rint(amounts * 100).astype(np.int64)
