"""Two models are compared by deal: the better one is found, an equal or worse one is not promoted, and the wait is forecast."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from closecast.monitoring import comparison, confidence
from closecast.monitoring.comparison import BETTER, BOUND, INCONCLUSIVE, WORSE, Comparison, compare

FIRST = date(2017, 1, 1)
END = date(2017, 12, 31)


def pairs(served_noise: float, shadow_noise: float, deals: int = 6_000, seed: int = 1) -> pd.DataFrame:
    """Pairs of half a year whose log-odds are off the true ones by normal noise."""
    random = np.random.default_rng(seed)
    odds = random.normal(-1.5, 1.2, deals)
    as_of = pd.Timestamp(FIRST) + pd.to_timedelta(np.sort(random.integers(0, 180, deals)), unit="D")
    served, shadow = (odds + noise * random.standard_normal(deals) for noise in (served_noise, shadow_noise))
    return pd.DataFrame(
        {
            "deal": np.arange(deals).astype(str),
            "as_of": as_of,
            "matured_on": as_of + pd.Timedelta(days=30),
            "served": 1 / (1 + np.exp(-served)),
            "shadow": 1 / (1 + np.exp(-shadow)),
            "won": (random.random(deals) < 1 / (1 + np.exp(-odds))).astype(np.int8),
            "counts": True,
        }
    )


def looked_at(table: pd.DataFrame, day: date) -> Comparison:
    """The comparison as it was on `day`."""
    is_known = table["matured_on"] <= pd.Timestamp(day)
    asked = table["as_of"] <= pd.Timestamp(day)
    return compare(table[is_known], table[asked & ~is_known], day)


def test_the_better_of_two_is_found_whichever_serves() -> None:
    # given
    table = pairs(0.9, 0.2)
    swapped = table.assign(served=table["shadow"], shadow=table["served"])
    # when
    better, worse = compare(table, table[:0], END), compare(swapped, table[:0], END)
    # then
    assert (better.verdict, worse.verdict) == (BETTER, WORSE)
    assert better.low > 0
    assert worse.high < 0
    assert better.mean == pytest.approx(-worse.mean)
    assert better.decided_on == worse.decided_on
    assert better.forecast is None
    assert "better, proved on 2017-" in better.sentence


def test_a_verdict_stands_on_the_first_day_on_which_it_was_proved() -> None:
    # given
    table = pairs(0.9, 0.2)
    found = compare(table, table[:0], END)
    assert found.decided_on is not None
    # when / then
    assert looked_at(table, found.decided_on).verdict == BETTER
    assert looked_at(table, found.decided_on - timedelta(days=1)).verdict == INCONCLUSIVE


def test_equal_models_are_told_apart_in_none_of_twenty_years() -> None:
    tables = [pairs(0.5, 0.5, seed=seed) for seed in range(20)]
    assert [compare(table, table[:0], END).verdict for table in tables] == [INCONCLUSIVE] * 20


def test_a_worse_challenger_is_promoted_in_none_of_twenty_years() -> None:
    tables = [pairs(0.4, 0.5, seed=seed) for seed in range(20)]
    assert BETTER not in [compare(table, table[:0], END).verdict for table in tables]


def test_the_same_model_twice_has_no_end_in_sight() -> None:
    # given
    table = pairs(0.5, 0.5)
    table["shadow"] = table["served"]
    # when
    found = compare(table, table[:0], END)
    # then
    assert found.forecast == comparison.Forecast(None, None)
    assert found.mean == 0
    assert "no end is in sight" in found.sentence


def test_the_forecast_before_any_outcome_is_of_the_right_size() -> None:
    told, took = [], []
    for seed in range(12):
        table = pairs(0.9, 0.0, seed=seed)
        begun = looked_at(table, FIRST + timedelta(days=29))
        decided = compare(table, table[:0], END)
        assert begun.deals == 0
        assert begun.forecast is not None
        assert begun.forecast.deals is not None
        assert begun.forecast.likely_by is not None
        assert decided.decided_on is not None
        told.append((begun.forecast.deals, (begun.forecast.likely_by - FIRST).days))
        took.append(
            (int((table["matured_on"] <= pd.Timestamp(decided.decided_on)).sum()), (decided.decided_on - FIRST).days)
        )
    share = np.median(np.array(told) / np.array(took), axis=0)
    assert (share > 0.5).all()
    assert (share < 2).all()


def test_a_forecast_says_how_many_more_and_shrinks_as_outcomes_come() -> None:
    # given
    table = pairs(0.9, 0.2)
    decided = compare(table, table[:0], END).decided_on
    assert decided is not None
    # when
    early, late = looked_at(table, FIRST + timedelta(days=20)), looked_at(table, decided - timedelta(days=1))
    # then
    assert early.forecast is not None
    assert late.forecast is not None
    assert early.forecast.deals is not None
    assert late.forecast.deals is not None
    assert 0 < late.forecast.deals < early.forecast.deals
    assert f"about {early.forecast.deals:,} more matured deals needed, likely by 2017-" in early.sentence


def test_without_any_question_nothing_is_said() -> None:
    empty = pairs(0.5, 0.5)[:0]
    assert compare(empty, empty, END) == Comparison(
        INCONCLUSIVE, None, 0, 0.0, -BOUND, BOUND, 0.0, comparison.Forecast(None, None)
    )


def test_pairs_that_do_not_count_are_no_evidence() -> None:
    table = pairs(0.9, 0.2).assign(counts=False)
    found = compare(table, table[:0], END)
    assert (found.verdict, found.deals) == (INCONCLUSIVE, 0)


def test_a_model_that_is_disastrous_on_a_few_deals_is_not_better() -> None:
    # given a gain on most deals, and a loss on some that BOUND hides
    table = pairs(0.9, 0.2)
    few = np.arange(len(table)) % 20 == 0
    table.loc[few, "shadow"] = np.where(table["won"][few] == 1, 0.001, 0.999)
    # when
    found = compare(table, table[:0], END)
    # then
    assert found.mean > found.plain
    assert found.plain < 0
    assert found.verdict != BETTER


def test_an_expectation_that_is_right_proves_sooner_and_one_that_is_wrong_later() -> None:
    # given
    random = np.random.default_rng(1)
    day, value = np.repeat(np.arange(60), 20), np.clip(0.05 + 0.1 * random.standard_normal(1_200), -1, 1)
    # when
    right, none, wrong = (
        confidence.log_evidence(day, value, BOUND, None if mean is None else np.full(1_200, mean))[1][-1]
        for mean in (0.05, None, -0.4)
    )
    # then
    assert right > none > wrong


def test_as_many_values_are_needed_as_then_suffice() -> None:
    # given
    needed = confidence.values_needed(0.05, 0.02, 0.0, 0.0, BOUND, 0.01)
    assert needed is not None
    # when
    again = confidence.values_needed(0.05, 0.02, 0.05 * (needed - 10), 0.02 * (needed - 10), BOUND, 0.01)
    # then
    assert again == 10
    assert confidence.values_needed(0.05, 0.02, 0.05 * needed, 0.02 * needed, BOUND, 0.01) == 0
    assert confidence.values_needed(1e-6, 0.02, 0.0, 0.0, BOUND, 0.01) is None
