"""Cohorts: one that never closes more often than the others is found out, from its past alone, and answered for."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from closecast.features import NAMES, FeatureBuilder, History
from closecast.features import cycles as cycles_module
from closecast.features.cohorts import Cohorts, hazard_factor, odds_of_never_closing
from closecast.features.cycles import AGES, CycleGrid, Cycles
from closecast.features.history import COLUMNS

DAY = int(np.datetime64("2017-01-01").astype(np.int64))
NEVER = np.iinfo(np.int64).max
CLOSE = NAMES.index("close_chance_in_horizon_before_as_of")
HORIZON = 30


def drawn(dead: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Forty deals a day for 240 days, a tenth of which never closes; of those engaged on days 120 to 149, `dead`. Of the
    others, one in twelve closes each day."""
    random = np.random.default_rng(seed)
    day = np.repeat(np.arange(240), 40)
    never = random.random(len(day)) < np.where((day >= 120) & (day < 150), dead, 0.1)
    return DAY + day, np.where(never, NEVER, DAY + day + random.geometric(1 / 12, len(day)))


def known(engaged: np.ndarray, closed: np.ndarray, days: int) -> Cycles:
    return CycleGrid(engaged, closed, np.ones(len(engaged), bool), DAY + 300).until(DAY + days)


def share_that_never_closes(cycles: Cycles, day: int) -> float:
    odds_of_all = (1 - cycles.can_close[0]) / cycles.can_close[0]
    odds: float = odds_of_all * float(cycles.cohorts.odds[day])
    return odds / (1 + odds)


@pytest.mark.parametrize("dead", [0.02, 0.1, 0.3, 0.5])
def test_the_share_that_never_closes_is_nearly_the_one_that_the_deals_were_drawn_with(dead: float) -> None:
    # when: of all deals of days 120 to 149, those that can close have closed
    cycles = known(*drawn(dead), 215)
    # then
    assert share_that_never_closes(cycles, 135) == pytest.approx(dead, rel=0.35)
    assert share_that_never_closes(cycles, 40) == pytest.approx(0.1, rel=0.35)


def test_the_odds_leave_those_of_all_by_evidence_only() -> None:
    # given
    engaged, closed = drawn(0.5)
    # when
    first, later = known(engaged, closed, 121).cohorts.odds[120], known(engaged, closed, 150).cohorts.odds[135]
    # then: ten ordinary days before and one of its own say little
    assert 0.7 < first < 1.5
    assert later > 3
    assert known(engaged, closed, 0).cohorts.odds.shape == (0,)
    nothing = np.zeros((5, AGES), np.int32)
    assert odds_of_never_closing(
        nothing, nothing, np.full((3, AGES), 0.01), np.zeros(5, np.int64), np.full(AGES, 0.5)
    ) == pytest.approx(np.ones(5))


def test_days_without_a_cohort_have_the_odds_of_all() -> None:
    found = Cohorts(DAY, np.array([2.0, 3.0])).by_age(DAY + 4, 6)
    assert found.tolist() == [1, 1, 1, 3, 2, 1]


def test_the_chance_to_close_is_what_came_of_the_deals(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    engaged, closed = drawn(0.5)
    is_open = closed == NEVER
    deals = pd.DataFrame(dict.fromkeys(COLUMNS, "one"), index=range(len(engaged)))
    deals["opportunity_id"] = [f"D{number:05}" for number in range(len(deals))]
    deals["engage_date"] = engaged.astype("M8[D]").astype("M8[ns]")
    deals["close_date"] = np.where(is_open, np.datetime64("NaT"), np.minimum(closed, DAY + 400).astype("M8[D]"))
    deals["deal_stage"], deals["close_value"] = np.where(is_open, "Engaging", "Won"), 1.0
    deals["close_date"] = pd.to_datetime(deals["close_date"])
    builder = FeatureBuilder(History(deals, date(2018, 1, 1)))
    # when: the deals of days 120 to 149 that are still open on day 165
    moment = DAY + 165
    kept = np.flatnonzero((engaged >= DAY + 120) & (engaged < DAY + 150) & (closed > moment))
    made = builder.matrix(
        builder.history.encode(deals), kept, np.full(len(kept), moment).astype("M8[D]"), np.full(len(kept), HORIZON)
    )
    # then
    came = (closed[kept] <= moment + HORIZON).mean()
    assert made[:, CLOSE].mean() == pytest.approx(came, abs=0.06)
    # and a life table that takes all cohorts for alike expects far more
    monkeypatch.setattr(cycles_module, "hazard_factor", lambda can_close, _odds: hazard_factor(can_close, 1.0))
    alike = FeatureBuilder(History(deals, date(2018, 1, 1)))
    other = alike.matrix(
        alike.history.encode(deals), kept, np.full(len(kept), moment).astype("M8[D]"), np.full(len(kept), HORIZON)
    )
    assert other[:, CLOSE].mean() > came + 0.15
