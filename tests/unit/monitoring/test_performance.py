"""Harm is proven where the model is wrong beyond the tolerance, in whichever direction, and not where it is right."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from closecast.monitoring import performance
from closecast.monitoring.performance import LEAST_TOLERANCE, MOST_CORRECTION, MOST_TOLERANCE

FIRST = date(2017, 1, 1)


def table(
    shift: float = 0.0, slope: float = 1.0, since: date = FIRST, deals: int = 9_000, seed: int = 1
) -> pd.DataFrame:
    """Matured predictions of half a year, whose log-odds are `shift` + `slope` x the true ones from `since` on."""
    random = np.random.default_rng(seed)
    odds = random.normal(-1.5, 1.2, deals)
    as_of = pd.Timestamp(FIRST) + pd.to_timedelta(random.integers(0, 180, deals), unit="D")
    told = np.where(as_of >= pd.Timestamp(since), shift + slope * odds, odds)
    return pd.DataFrame(
        {
            "deal": np.arange(deals).astype(str),
            "as_of": as_of,
            "horizon_days": 30,
            "model_version": "1",
            "run_id": "run",
            "probability": 1 / (1 + np.exp(-told)),
            "won": (random.random(deals) < 1 / (1 + np.exp(-odds))).astype(np.int8),
            "matured_on": as_of + pd.Timedelta(days=30),
            "counts": True,
        }
    )


def test_a_calibrated_model_is_not_accused() -> None:
    assert [performance.first_proof(table(seed=seed), LEAST_TOLERANCE) for seed in range(5)] == [None] * 5


@pytest.mark.parametrize(("shift", "slope"), [(0.9, 1.0), (-0.9, 1.0), (0.0, 1.9), (0.0, 0.3)])
def test_each_kind_of_wrong_chances_is_proven(shift: float, slope: float) -> None:
    # given harm from March on, which matures from the end of March on
    matured = table(shift, slope, date(2017, 3, 1))
    # when
    found = performance.first_proof(matured, LEAST_TOLERANCE)
    # then
    assert found is not None
    assert date(2017, 3, 31) < found < date(2017, 6, 15)


def test_what_is_tolerated_is_not_accused() -> None:
    assert performance.first_proof(table(shift=LEAST_TOLERANCE), LEAST_TOLERANCE) is None
    assert performance.first_proof(table(shift=0.5), MOST_TOLERANCE) is not None
    assert performance.first_proof(table(shift=0.5), 0.5) is None


def test_predictions_that_do_not_count_are_no_evidence() -> None:
    wrong = table(shift=1.5)
    assert performance.first_proof(wrong, LEAST_TOLERANCE) is not None
    assert performance.first_proof(wrong.assign(counts=False), LEAST_TOLERANCE) is None
    assert performance.watches(wrong.assign(counts=False), LEAST_TOLERANCE) == []


def test_the_tests_of_all_months_give_the_first_proof() -> None:
    # given
    matured = table(0.9, 1.0, date(2017, 3, 1))
    # when
    found = performance.watches(matured, LEAST_TOLERANCE)
    # then
    assert [one.since for one in found] == [date(2017, month, 1) for month in range(1, 8)]
    proofs = [one.proven_on for one in found if one.proven_on is not None]
    assert min(proofs) == performance.first_proof(matured, LEAST_TOLERANCE)
    later = [one.proven_on for one in found if one.proven_on is not None and one.since >= date(2017, 5, 1)]
    assert min(later) == performance.first_proof(matured, LEAST_TOLERANCE, date(2017, 5, 1))
    april = next(one for one in found if one.since == date(2017, 4, 1)).sequence
    assert april.low[-1] > 0
    assert april.high[-1] < 0.2


def test_the_excess_is_bounded_and_knows_the_past_alone() -> None:
    # given
    matured = table(0.9).sort_values("matured_on", ignore_index=True)
    # when
    whole = performance.excess(matured, LEAST_TOLERANCE)
    half = performance.excess(matured[: len(matured) // 2], LEAST_TOLERANCE)
    order = np.random.default_rng(2).permutation(len(matured))
    shuffled = performance.excess(matured.iloc[order], LEAST_TOLERANCE)
    # then
    assert np.abs(whole).max() <= MOST_CORRECTION
    np.testing.assert_allclose(whole[: len(half)], half, atol=1e-12)
    np.testing.assert_allclose(whole[order], shuffled, atol=1e-9)
    assert whole[matured["matured_on"] == matured["matured_on"].min()].tolist() == [0.0] * int(
        (matured["matured_on"] == matured["matured_on"].min()).sum()
    )


def test_the_tolerance_is_how_far_the_held_out_chances_were_off() -> None:
    assert performance.tolerance(table()) == LEAST_TOLERANCE
    assert performance.tolerance(table(shift=0.18)) == pytest.approx(0.18, abs=0.06)
    assert performance.tolerance(table(shift=0.9)) == MOST_TOLERANCE


def test_a_month_counts_each_deal_once() -> None:
    # given a deal that was asked about three times, and one asked about once
    matured = table(deals=4).assign(
        deal=["A", "A", "A", "B"],
        matured_on=pd.to_datetime(["2017-03-01", "2017-03-02", "2017-03-31", "2017-03-05"]),
        probability=[0.5, 0.5, 0.5, 0.1],
        won=np.array([1, 1, 1, 0], np.int8),
    )
    # when
    found = performance.by_month(matured)
    # then
    assert found.index.astype(str).tolist() == ["2017-03"]
    row = found.iloc[0].to_dict()
    assert row == {
        "deals": 2,
        "predictions": 4,
        "log_loss": pytest.approx((np.log(2) - np.log(0.9)) / 2),
        "expected_log_loss": pytest.approx((np.log(2) - 0.1 * np.log(0.1) - 0.9 * np.log(0.9)) / 2),
        "share_won": 0.5,
        "mean_probability": pytest.approx(0.3),
    }
