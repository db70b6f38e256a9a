"""Two evaluations are compared on the rows that both have, with the same label."""

import numpy as np
import pandas as pd
import pytest

from ops.errors import OperatorError
from ops.model import validation
from ops.model.revisions import Evaluation

CUT = "2017-07-01"
DEALS = 400


def _rows(predicted: np.ndarray, won: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "cut": CUT,
            "target": "30_days",
            "as_of": "2017-08-01",
            "opportunity_id": [f"deal {number}" for number in range(len(won))],
            "occurrence": 0,
            "same_deal": np.arange(len(won)),
            "won": won,
            "predicted": predicted,
        }
    )


def _evaluation(commit: str, rows: pd.DataFrame, log_loss: float, is_promoted: bool = True) -> Evaluation:
    rungs = {name: {"log_loss": {"value": value}} for name, value in (("base_rate", 0.69), ("candidate", log_loss))}
    checks = [
        {"passed": True, "sentence": "enough deals"},
        {"passed": is_promoted, "sentence": "30_days: it is better"},
    ]
    report = {
        "plan": {"cut": CUT},
        "targets": {"30_days": {"ladder": {"all": {"rungs": rungs}}}},
        "decision": {"promoted": is_promoted, "checks": checks},
    }
    return Evaluation(commit * 40, [report], rows)


@pytest.fixture
def won() -> np.ndarray:
    return (np.random.default_rng(1).random(DEALS) < 0.5).astype(np.int8)


def test_the_difference_is_that_of_the_rows_in_both(won: np.ndarray) -> None:
    # given a later model that knows more, measured on one row more, and one row with another label
    good, poor = np.where(won == 1, 0.8, 0.2), np.full(DEALS, 0.5)
    later = _rows(good, won)
    earlier = _rows(poor, won).iloc[1:].copy()
    earlier.loc[5, "won"] = 1 - won[5]
    before, after = _evaluation("a", earlier, 0.6931), _evaluation("b", later, 0.2231)
    # when
    (found,) = compared = validation.comparisons(before, after)
    # then
    assert (found.rows, found.rows_before, found.rows_after) == (DEALS - 2, DEALS - 1, DEALS)
    assert found.difference.value == pytest.approx(np.log(0.5) - np.log(0.8))
    assert found.difference.high < 0
    assert not found.is_worse
    text = validation.comment("synthetic", before, after, compared)
    assert "| 30 days | 2017-07-01 | 398 | 0.6931 | 0.2231 | -0.4700 | -0.4700 to -0.4700 | better |" in text
    assert "399 rows before and 400 after, 398 in both with the same label" in text
    assert "| 30 days | 2017-07-01 | base rate | 0.6900 | 0.6900 |" in text
    # when it is the other way round, then it is worse
    (back,) = validation.comparisons(after, before)
    assert back.is_worse
    assert "| **worse** |" in validation.comment("synthetic", after, before, [back])


def test_what_chance_explains_is_no_difference(won: np.ndarray) -> None:
    noise = np.random.default_rng(2).normal(0, 0.05, (2, DEALS))
    before, after = (_evaluation(name, _rows(0.5 + one, won), 0.7) for name, one in zip("ab", noise, strict=True))
    compared = validation.comparisons(before, after)
    assert "no difference that is sure" in validation.comment("synthetic", before, after, compared)
    same = validation.comparisons(before, before)
    assert "| the same |" in validation.comment("synthetic", before, before, same)


def test_a_refusal_by_the_gate_is_told_with_its_reasons(won: np.ndarray) -> None:
    rows = _rows(np.full(DEALS, 0.5), won)
    before, after = _evaluation("a", rows, 0.7), _evaluation("b", rows, 0.7, is_promoted=False)
    text = validation.comment("synthetic", before, after, validation.comparisons(before, after))
    assert "The gate would promote the model before the change." in text
    assert "**The gate would refuse the model after the change:**\n\n- cut 2017-07-01: 30_days: it is better\n" in text
    assert "enough deals" not in text


def test_commits_without_a_row_in_common_cannot_be_compared(won: np.ndarray) -> None:
    rows = _rows(np.full(DEALS, 0.5), won)
    before = _evaluation("a", rows.assign(as_of="2016-01-01"), 0.7)
    with pytest.raises(OperatorError, match="hold out no row in common for 30_days"):
        validation.comparisons(before, _evaluation("b", rows, 0.7))
