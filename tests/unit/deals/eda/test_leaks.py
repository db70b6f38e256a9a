"""The areas of the probes are those of scikit-learn, which the service that checks exports is without."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from closecast.deals.eda.leaks import column_probes, missing_probes

_DEALS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=4, max_size=60)


@given(_DEALS)
def test_the_area_of_emptiness_is_scikit_learns(deals: list[tuple[bool, bool]]) -> None:
    # given open and closed deals, some of them without an account
    is_open, is_empty = (np.array(column) for column in zip(*deals, strict=True))
    if is_open.all() or not is_open.any():
        return
    frame = pd.DataFrame(
        {
            "opportunity_id": [str(number) for number in range(len(deals))],
            "sales_agent": "Ada",
            "product": "GTX",
            "account": [None if empty else "Oak" for empty in is_empty],
            "deal_stage": np.where(is_open, "Engaging", "Won"),
            "engage_date": pd.Timestamp(2017, 1, 1),
            "close_date": pd.Timestamp(2017, 2, 1),
            "close_value": 1.0,
        }
    )
    # when
    probe = next(one for one in missing_probes(frame) if one.column == "account")
    # then
    assert probe.auc == pytest.approx(roc_auc_score(is_open, is_empty), abs=1e-12)


@given(st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=30, max_size=80), st.integers(0, 9))
def test_the_area_of_numbers_is_at_least_scikit_learns_by_their_order(deals: list[tuple[int, bool]], seed: int) -> None:
    numbers, won = (np.array(column) for column in zip(*deals, strict=True))
    if won.all() or not won.any():
        return
    noisy = numbers + np.random.default_rng(seed).normal(size=len(numbers))
    (probe,) = column_probes(pd.DataFrame({"score": noisy}), pd.Series(won))
    expected = roc_auc_score(won, noisy)
    assert probe.auc is not None
    assert probe.auc >= max(expected, 1 - expected) - 1e-12
