"""The promotion rule: evidence at both targets, and a champion compared only where it has not seen the rows."""

from dataclasses import replace

import pytest

from closecast.models.deal_model import ModelCard
from closecast.models.promotion import decide, incomparable

BASE = {"base_rate_log_loss_30_days": 0.36, "base_rate_log_loss_quarter_end": 0.51}


def losses(month: float, quarter: float) -> dict[str, float]:
    return {"log_loss_30_days": month, "log_loss_quarter_end": quarter}


def test_the_first_model_is_promoted_on_its_own_evidence() -> None:
    # when
    decision = decide(losses(0.29, 0.37), BASE)
    # then
    assert decision.promoted
    assert decision.reasons == (
        "30_days: held-out log loss 0.2900 is below the base rate's 0.3600",
        "quarter_end: held-out log loss 0.3700 is below the base rate's 0.5100",
        "not compared with a champion: there is no champion yet",
    )


@pytest.mark.parametrize(
    ("candidate", "reason"),
    [
        (losses(0.37, 0.37), "30_days: held-out log loss 0.3700 is not below the base rate's 0.3600"),
        (losses(0.29, 0.51), "quarter_end: held-out log loss 0.5100 is not below the base rate's 0.5100"),
    ],
)
def test_one_target_no_better_than_the_base_rate_is_enough_to_refuse(candidate: dict[str, float], reason: str) -> None:
    # when
    decision = decide(candidate, BASE)
    # then
    assert not decision.promoted
    assert decision.reasons == (reason,)


@pytest.mark.parametrize(
    ("champion", "promoted"),
    [
        (losses(0.30, 0.38), True),
        (losses(0.29, 0.37), True),  # the same model again
        (losses(0.28, 0.38), False),
        (losses(0.30, 0.36), False),
    ],
)
def test_a_candidate_worse_than_the_champion_at_either_target_is_refused(
    champion: dict[str, float], promoted: bool
) -> None:
    # when
    decision = decide(losses(0.29, 0.37), BASE, champion)
    # then
    assert decision.promoted is promoted
    assert any("champion's" in reason for reason in decision.reasons)


def test_champions_that_can_be_measured_on_the_candidates_rows(card: ModelCard) -> None:
    assert incomparable(card, card) is None
    assert incomparable(replace(card, source_sha256="1" * 64, cut="2017-08-01"), card) is None  # the export has grown
    assert incomparable(replace(card, source="file:renamed.csv"), card) is None  # the same bytes


def test_champions_that_cannot(card: ModelCard) -> None:
    # given
    foreign = replace(card, source="file:sales.csv", source_sha256="1" * 64)
    later = replace(card, cut="2017-09-01")
    # then
    assert "other data (file:sales.csv)" in str(incomparable(card, foreign))
    assert "it knows rows held out here" in str(incomparable(card, later))
