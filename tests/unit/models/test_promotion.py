"""The gate: what it asks of a candidate."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from closecast.models.baselines import AGE_CALENDAR
from closecast.models.card import CHAMPION
from closecast.models.check import Check
from closecast.models.evaluation import CANDIDATE, HeldOut
from closecast.models.promotion import Cost, decide, decide_on_baseline

CHEAP = Cost(0.5, 50_000)
NONE_YET = "there is no champion yet"


def drawn(deals: int = 4_000, seed: int = 0) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Labels, true chances and deals, two rows each."""
    random = np.random.default_rng(seed)
    chance = np.repeat(random.beta(1, 4, deals), 2)
    return (random.random(2 * deals) < chance).astype(np.int8), chance, np.repeat(np.arange(deals), 2)


def held(predictions: dict[str, np.ndarray[Any, Any]], moved: float = 0.0, target: str = "30_days") -> HeldOut:
    won, _, deal = drawn()
    half = np.arange(len(won)) % 4 < 2
    return HeldOut(target, won, deal, np.ones(len(won), bool), predictions, {"product": {"A": half, "B": ~half}}, moved)


def blurred(by: float) -> np.ndarray[Any, Any]:
    _, chance, _ = drawn()
    return np.clip(chance + np.random.default_rng(9).normal(0, by, len(chance)), 0.01, 0.99)


RUNGS = {"base_rate": np.full(8_000, 0.2), AGE_CALENDAR: blurred(0.15)}
GOOD = {**RUNGS, CANDIDATE: blurred(0.0)}


def test_a_better_calibrated_cheap_candidate_is_promoted_with_every_number_said() -> None:
    # when
    decision = decide((held(GOOD), held(GOOD, target="quarter_end")), CHEAP, NONE_YET)
    # then
    assert decision.promoted
    assert len(decision.checks) == 2 * 9 + 3
    assert len(decision.reasons) == 2 * 2 + 1
    assert "95 % interval -0." in decision.reasons[1]
    assert decision.reasons[-1] == f"not compared with a champion: {NONE_YET}"
    assert decision.as_dict()["checks"][0]["passed"] is True


@pytest.mark.parametrize(
    ("part", "cost", "word"),
    [
        (held({**GOOD, CANDIDATE: blurred(0.15)}), CHEAP, "not clearly below the age-and-calendar model's"),
        (held({**GOOD, CANDIDATE: np.full(8_000, 0.2)}), CHEAP, "not clearly below the base rate's"),
        (held({**GOOD, CHAMPION: blurred(0.0)}), CHEAP, "not clearly below the champion's"),
        (held({**GOOD, CANDIDATE: np.clip(blurred(0.0) + 0.06, 0, 0.99)}), CHEAP, "expected calibration error 0.0"),
        (held({**GOOD, CANDIDATE: np.where(drawn()[0] == 1, 0.9, 0.1)}), CHEAP, "too good to be true"),
        (held(GOOD, moved=-0.02), CHEAP, "blanking account names moves the mean prediction by -0.0200"),
        (held(GOOD), Cost(9.0, 50_000), "one prediction takes 9.00 ms, allowed are 5 ms"),
        (held(GOOD), Cost(0.5, 90_000_000), "the model has 90.0 MB, allowed are 50 MB"),
    ],
)
def test_one_failed_check_is_enough_to_refuse(part: HeldOut, cost: Cost, word: str) -> None:
    # when
    decision = decide((held(GOOD, target="quarter_end"), part), cost, None)
    # then
    assert not decision.promoted
    assert any(word in reason for reason in decision.reasons), decision.reasons


def test_a_slice_that_is_badly_worse_is_named() -> None:
    # given: much better over product A, turned upside down over product B
    part = held(GOOD)
    better = np.where(
        part.slices["product"]["A"],
        np.where(part.won == 1, 0.8, 0.05),
        np.clip(0.6 - part.predictions[CANDIDATE], 0.01, 0.99),
    )
    # when
    decision = decide((replace(part, predictions={**GOOD, CANDIDATE: better}),), CHEAP, None)
    # then
    assert any("product B (+0." in reason for reason in decision.reasons), decision.reasons


def test_a_candidate_that_outcomes_will_judge_need_not_be_clearly_better() -> None:
    # given: a candidate that is as good as the champion and the age-and-calendar model
    alike = {**GOOD, AGE_CALENDAR: GOOD[CANDIDATE], CHAMPION: GOOD[CANDIDATE]}
    # when / then
    assert not decide((held(alike),), CHEAP, None).promoted
    assert decide((held(alike),), CHEAP, None, outcomes_follow=True).promoted


def test_a_candidate_that_outcomes_will_judge_need_not_be_better_calibrated_than_the_champion() -> None:
    # given a world in which deals are won less often than both say
    too_high = np.clip(blurred(0.0) + 0.07, 0.01, 0.99)
    part = held({**RUNGS, CHAMPION: too_high, CANDIDATE: too_high})
    # when / then
    assert any("expected calibration error" in reason for reason in decide((part,), CHEAP, None).reasons)
    followed = decide((part,), CHEAP, None, outcomes_follow=True)
    assert not any("expected calibration error" in reason for reason in followed.reasons)


def test_a_candidate_that_is_clearly_worse_than_the_champion_is_not_judged_by_outcomes() -> None:
    # given
    worse = {**GOOD, CHAMPION: blurred(0.0), CANDIDATE: blurred(0.5)}
    # when
    decision = decide((held(worse),), CHEAP, None, outcomes_follow=True)
    # then
    assert any("is clearly above the champion's" in reason for reason in decision.reasons), decision.reasons


def test_a_failed_check_from_elsewhere_is_enough_to_refuse() -> None:
    barred = Check("origin", False, "made-up data may not replace real ones")
    assert decide((held(GOOD),), CHEAP, None, (barred,)).reasons == (barred.sentence,)


def test_a_baseline_takes_no_models_place() -> None:
    refused = decide_on_baseline((held(GOOD),), is_vacant=False)
    assert refused.reasons == ("a model of these deals serves, which stays",)


@pytest.mark.parametrize(
    ("predictions", "word"),
    [
        ({**GOOD, CANDIDATE: 1 - blurred(0.0)}, "is clearly above the base rate's"),
        ({**GOOD, CANDIDATE: np.clip(blurred(0.0) + 0.06, 0, 0.99)}, "expected calibration error 0.0"),
        ({**GOOD, CANDIDATE: np.full(8_000, 0.2), CHAMPION: blurred(0.0)}, "is clearly above the champion's"),
    ],
)
def test_a_baseline_that_misleads_is_refused(predictions: dict[str, np.ndarray[Any, Any]], word: str) -> None:
    decision = decide_on_baseline((held(predictions),), is_vacant=True)
    assert not decision.promoted
    assert any(word in reason for reason in decision.reasons), decision.reasons


def test_a_baseline_that_knows_no_more_than_the_base_rate_serves() -> None:
    decision = decide_on_baseline((held({**GOOD, CANDIDATE: np.full(8_000, 0.2)}),), is_vacant=True)
    assert decision.promoted
    assert decision.reasons[0] == "no model of these deals serves, whose place the baseline would take"


def test_a_verdict_needs_enough_deals_that_were_won() -> None:
    # given rows of 49 deals won, seen many times
    part = held(GOOD)
    kept = (part.won == 0) | np.isin(part.deal, np.unique(part.deal[part.won == 1])[:49])
    few = HeldOut(
        part.target,
        part.won[kept],
        part.deal[kept],
        part.live[kept],
        {name: predicted[kept] for name, predicted in part.predictions.items()},
        {},
        0.0,
    )
    decision = decide((few,), CHEAP, NONE_YET)
    assert any("49 of the held-out deals were won, needed are 50" in reason for reason in decision.reasons)
