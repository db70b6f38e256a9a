"""Cohort effects: of the deals engaged at about the same time, more or fewer than usual may never close.

Some deals never close, and the longer a deal is open, the likelier it is one of them (a mixture cure model: Boag 1949;
Kuk and Chen, Biometrika 79, 1992). With S(a) the share of all deals still open at age a, the chance that such a deal
can close at all is s(a) = 1 - S(longest cycle) / S(a). Where a cohort's odds of never closing are r times those of all
deals, Bayes' rule turns the hazard h(a) of all into h(a) / (s(a) + r (1 - s(a))). A cohort's r is found from the closes
it has had, compared with those expected with r = 1.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
_REACH = 10  # days before and after the day of engagement that belong to a cohort
# Prior of ln r: normal about 0, that is, about the odds of all deals. A factor of two either way of one of these numbers
# moves no log loss by 0.003.
_PRIOR_SD = 1.0
_LOG_ODDS = np.linspace(-2.0, 2.0, 17)
_ODDS = np.exp(_LOG_ODDS)


@dataclass(frozen=True)
class Cohorts:
    """Odds of never closing, relative to those of all deals, by day of engagement from `first` on, (days,)."""

    first: int  # days since 1970-01-01
    odds: Floats

    def by_age(self, as_of: int, ages: int) -> Floats:
        """The odds of deals aged 0, 1, … at `as_of`, (ages,); 1 for those engaged before or after all cohorts."""
        engaged = as_of - self.first - np.arange(ages)
        known = (engaged >= 0) & (engaged < len(self.odds))
        found = np.ones(ages)
        found[known] = self.odds[engaged[known]]
        return found


def hazard_factor(can_close: Floats, odds: Floats | float) -> Floats:
    """Factor on the hazard of all deals for a cohort with these `odds`, given the chance `can_close` at its age."""
    return np.asarray(1 / (can_close + odds * (1 - can_close)))


def odds_of_never_closing(
    closes: NDArray[np.int32], exposed: NDArray[np.int32], hazard: Floats, month: Counts, can_close: Floats
) -> Floats:
    """Estimate each cohort's odds of never closing as the posterior mean of their logarithm, (days,).

    `closes` and `exposed` are closes and deals at risk by day and age, (days, ages); `hazard` that of all deals by
    month of the quarter and age, (3, AGES); `month` each day's row of it, (days,); `can_close` by age, (AGES,). What
    deals do when older than every closed cycle says nothing: their `can_close` is 0.
    """
    days = len(closes)
    likelihood = np.zeros((len(_ODDS), days))
    # Age by age, not by a matrix product: the order of a sum must not depend on the machine or its threads.
    for age in range(min(days, int(np.count_nonzero(can_close)))):
        factor = hazard_factor(can_close[age], _ODDS)[:, None]
        expected = exposed[age:, age] * hazard[month[age:], age]
        likelihood[:, : days - age] += closes[age:, age] * np.log(factor) - expected * factor
    posterior = _around(likelihood) - 0.5 * (_LOG_ODDS / _PRIOR_SD)[:, None] ** 2
    weight = np.exp(posterior - posterior.max(axis=0))
    return np.asarray(np.exp((weight * _LOG_ODDS[:, None]).sum(axis=0) / weight.sum(axis=0)))


def _around(values: Floats) -> Floats:
    """Sums along the last axis over each day and its neighbours up to _REACH days away."""
    days = values.shape[-1]
    summed = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=-1)], axis=-1)
    day = np.arange(days)
    low, high = np.maximum(day - _REACH, 0), np.minimum(day + _REACH + 1, days)
    return np.asarray(summed[:, high] - summed[:, low])
