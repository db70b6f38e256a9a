"""The state at one as-of date, as tables that features are read from: by age, horizon, agent, product and account."""

import numpy as np
from numpy.typing import NDArray

from closecast.deals import calendar
from closecast.features.cycles import AGES, CumulativeIncidence
from closecast.features.history import ClosedBefore
from closecast.features.stages import UNKNOWN

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
_PRIOR = 20.0  # pseudo-count: closes at which an entity's own mean outweighs the overall one
_AGES = np.arange(AGES, dtype=np.int64)


class State:
    """Tables for one as-of date and, where they depend on it, one horizon. No table uses a later day."""

    def __init__(
        self, before: ClosedBefore, incidence: CumulativeIncidence | None = None, horizon_days: int | None = None
    ) -> None:
        self.before = before
        self._incidence = incidence
        self._horizon_days = horizon_days
        self._day = np.array([before.as_of]).astype("M8[D]")

    # by as-of date, (1,)

    def days_to_month_end(self) -> Counts:
        return calendar.days_to_month_end(self._day)

    def days_to_quarter_end(self) -> Counts:
        return self.before.fiscal.days_to_quarter_end(self._day)

    def month_of_quarter(self) -> Counts:
        return self.before.fiscal.month_of_quarter(self._day)

    def recent_win_rate(self) -> Floats:
        recent = self.before.recent["sales_agent"]
        rate = (recent.wins.sum() + _PRIOR * self.before.cycles.win_rate) / (recent.closes.sum() + _PRIOR)
        return np.array([rate])

    # by age, (AGES,)

    def ages(self) -> Counts:
        return _AGES

    def cycle_stage(self) -> Counts:
        closes = self.before.cycles.by_age
        total = closes.sum()
        if not total:
            return np.zeros(AGES, dtype=np.int64)
        reached = np.cumsum(closes) / total
        thresholds = [int(np.argmax(reached >= share)) for share in (0.25, 0.5, 0.75, 1.0)]
        return np.searchsorted(np.array(thresholds), _AGES, side="left").astype(np.int64)

    def share_of_cycles_longer(self) -> Floats:
        closes = self.before.cycles.by_age
        total = int(closes.sum())
        return np.asarray((total - np.cumsum(closes)) / total) if total else np.ones(AGES)

    def age_over_longest_cycle(self) -> Floats:
        longest = np.flatnonzero(self.before.cycles.by_age)
        return _AGES / max(1, int(longest[-1])) if len(longest) else np.zeros(AGES)

    # by age, for one horizon, (AGES,)

    def horizon(self) -> Counts:
        return np.full(AGES, self._days(), dtype=np.int64)

    def quarter_end_month_days(self) -> Counts:
        ahead = np.arange(self.before.as_of + 1, self.before.as_of + 1 + self._days()).astype("M8[D]")
        return np.full(AGES, int((self.before.fiscal.month_of_quarter(ahead) == 3).sum()), dtype=np.int64)

    def close_chance(self) -> Floats:
        return self._within()[0]

    def win_chance(self) -> Floats:
        return self._within()[1]

    # by entity, one entry for each and a last one for unknown entities

    def win_rate(self, entity: str) -> Floats:
        totals = self.before.totals[entity]
        return _shrunk(totals.wins, totals.closes, self.before.cycles.win_rate)

    def win_rate_90d(self, entity: str) -> Floats:
        recent = self.before.recent[entity]
        return _shrunk(recent.wins, recent.closes, self.win_rate(entity))

    def cycle_days(self, entity: str) -> Floats:
        totals = self.before.totals[entity]
        every = self.before.totals["sales_agent"]
        mean = every.cycle_days.sum() / max(1, int(every.closes.sum()))
        return _shrunk(totals.cycle_days, totals.closes, mean)

    def activity_90d(self, entity: str) -> Floats:
        recent, totals = self.before.recent[entity], self.before.totals[entity]
        active = int((totals.closes > 0).sum())
        mean = recent.closes.sum() / active if active else 0.0
        return np.asarray((recent.closes + 1) / (mean + 1), dtype=np.float64)

    def price(self) -> Floats:
        totals = self.before.totals["product"]
        overall = totals.won_cents.sum() / max(1, int(totals.wins.sum())) / 100
        return np.where(totals.wins > 0, totals.won_cents / np.maximum(totals.wins, 1) / 100, overall)

    def price_change_90d(self) -> Floats:
        recent, price = self.before.recent["product"], self.price()
        sold = _shrunk(recent.won_cents / 100, recent.wins, price)
        return np.where(price > 0, sold / np.where(price > 0, price, 1.0) - 1, 0.0)

    # by stage, one entry for each, one for a new stage and a last one where the stage is not known

    def stage_win_rate(self) -> Floats:
        totals = self.before.stages
        known = np.empty(0) if totals is None else _shrunk(totals.wins, totals.closes, self.before.cycles.win_rate)
        return np.append(known, UNKNOWN)

    def stage_days_to_close(self) -> Floats:
        totals = self.before.stages
        if totals is None:
            return np.array([UNKNOWN])
        mean = totals.cycle_days.sum() / max(1, int(totals.closes.sum()))
        return np.append(_shrunk(totals.cycle_days, totals.closes, mean), UNKNOWN)

    def _days(self) -> int:
        assert self._horizon_days is not None  # only tables by horizon use it
        return self._horizon_days

    def _within(self) -> tuple[Floats, Floats]:
        assert self._incidence is not None
        return self._incidence.within(self._days())


def _shrunk(sums: Counts | Floats, counts: Counts, prior: float | Floats) -> Floats:
    """Mean of each entity, shrunk towards `prior` as if _PRIOR more observations had that value."""
    return np.asarray((sums + _PRIOR * prior) / (counts + _PRIOR), dtype=np.float64)
