"""Why the forecast of a quarter changed: the model, time passing, the calendar, and what happened to the deals.

The parts are differences between forecasts in whole cents, one after the other, so they add up exactly.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from closecast.features import History
from closecast.forecast.chances import ModelChances
from closecast.forecast.expectation import Expectation, cents, expect
from closecast.forecast.ledger import Counts, Ledger


@dataclass(frozen=True)
class Change:
    """How a quarter's forecast, in cents, came from `before`, as of `since`, to `after`. The parts add up to the change.

    `model`: the served model says something else of the same date than what was recorded then. `time`: each deal is
    older. `calendar`: less of the quarter is left, and more closes are known. Then the deals: those won, beside what was
    expected of them; those lost, of which something was expected; and those engaged since.
    """

    since: date
    before: int
    model: int
    time: int
    calendar: int
    won: int
    lost: int
    engaged: int

    @property
    def after(self) -> int:
        return self.before + self.model + self.time + self.calendar + self.won + self.lost + self.engaged


def change(
    ledger: Ledger,
    history: History,
    chances: ModelChances,
    start: date,
    now: Expectation,
    since: date,
    recorded: int | None = None,
) -> Change:
    """How the forecast of the quarter from `start` changed from `since`, within the quarter or the day before it, to `now`.

    `recorded` is the forecast as it was made then, in cents, if it is known; without it the model counts as unchanged.
    """
    then = expect(ledger, history, chances, since, now.by)
    before = ledger.revenue(start, since) + then.cents
    days = (now.as_of - since).days
    older = _sum(cents(chances(then.open, since, (now.by - since).days, older=days) * then.value[then.open]))
    still_open = np.isin(then.open, now.open)
    ended = then.open[~still_open]
    # What would be expected now of the deals that have ended, had they not.
    missed = cents(chances(ended, now.as_of, (now.by - now.as_of).days) * now.value[ended])
    were_open = np.isin(now.open, then.open)
    as_if = _sum(now.open_cents[were_open]) + _sum(missed)
    is_won = ledger.is_won[ended]
    fresh = np.setdiff1d(ledger.won(since + timedelta(days=1), now.as_of), ended)
    return Change(
        since=since,
        before=before if recorded is None else recorded,
        model=0 if recorded is None else before - recorded,
        time=older - _sum(then.open_cents),
        calendar=as_if + _sum(now.new_cents) - older - _sum(then.new_cents),
        won=_sum(ledger.cents[ended[is_won]]) - _sum(missed[is_won]),
        lost=-_sum(missed[~is_won]),
        engaged=_sum(now.open_cents[~were_open]) + _sum(ledger.cents[fresh]),
    )


def _sum(amounts: Counts) -> int:
    return int(amounts.sum())
