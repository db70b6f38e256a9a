"""Three models of the real file that have no business being promoted, and are not."""

from dataclasses import replace
from typing import Any

import lightgbm
import numpy as np
import pandas as pd

from closecast.deals.calendar import CALENDAR_YEAR
from closecast.deals.contract import check
from closecast.features import NAMES, WIN_CHANCE
from closecast.models import promotion, training
from closecast.models.baselines import AGE_CALENDAR
from closecast.models.candidate import Candidate
from closecast.models.evaluation import CANDIDATE, HeldOut
from closecast.models.metrics import sigmoid
from closecast.models.promotion import Cost, decide
from closecast.models.start import Start

CHEAP = Cost(0.5, 50_000)
NONE_YET = "there is no champion yet"


def test_static_features_for_ever_won_are_refused(real_raw: pd.DataFrame) -> None:
    # given: closed deals, seen at engagement, learnt before September and judged after; who, what and for whom
    accepted = check(real_raw).accepted
    closed = accepted[accepted["close_date"].notna()].reset_index(drop=True)
    won = (closed["deal_stage"] == "Won").to_numpy().astype(np.int8)
    engaged = closed["engage_date"].to_numpy("M8[D]")
    train = (closed["close_date"] < "2017-09-01").to_numpy()
    test = (closed["engage_date"] >= "2017-09-01").to_numpy()
    static = np.column_stack(
        [closed[name].astype("category").cat.codes for name in ("sales_agent", "product", "account")]
    )
    season = np.column_stack([CALENDAR_YEAR.days_to_quarter_end(engaged), CALENDAR_YEAR.month_of_quarter(engaged)])

    def fitted(columns: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        data = lightgbm.Dataset(columns[train].astype(float), label=won[train])
        booster = lightgbm.train({"objective": "binary", "verbose": -1, "seed": 7}, data, 60)
        return np.asarray(booster.predict(columns[test].astype(float)))

    count = int(test.sum())
    predictions = {
        "base_rate": np.full(count, won[train].mean()),
        AGE_CALENDAR: fitted(season),
        CANDIDATE: fitted(static),
    }
    part = HeldOut("ever_won", won[test], np.arange(count), np.ones(count, bool), predictions, {}, 0.0)
    # when
    decision = decide((part,), CHEAP, NONE_YET)
    # then: no signal
    assert not decision.promoted
    assert "not clearly below the base rate's" in decision.reasons[0]


def _decided(
    real: Candidate, rows: Any, matrix: np.ndarray[Any, Any], won: np.ndarray[Any, Any], planted: Any
) -> promotion.Decision:
    settings = replace(real.settings, entity_weight=1.0)
    booster = training.fit(planted(matrix, rows.deal), won, settings, 100, 7, 2)
    found = []
    for part, split in zip(real.held_out, real.splits, strict=True):
        test = planted(split.test.matrix, split.test.rows.deal)
        raw = booster.predict(test)
        predictions = {**part.predictions, CANDIDATE: sigmoid(raw + Start().odds(test[:, WIN_CHANCE]))}
        found.append(replace(part, predictions=predictions))
    return decide(tuple(found), CHEAP, NONE_YET)


def test_planted_close_value_is_too_good_to_be_true(real: Candidate) -> None:
    # given
    value = np.nan_to_num(real.data.deals["close_value"].to_numpy(dtype=float))
    column = NAMES.index("product_price_before_as_of")

    def planted(matrix: np.ndarray[Any, Any], deal: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        made = matrix.copy()
        made[:, column] = value[deal]
        return made

    rows = real.data.learnable(real.plan.cut)
    # when
    decision = _decided(real, rows, real.data.matrix(rows), rows.won, planted)
    # then
    assert not decision.promoted
    assert sum("too good to be true" in reason for reason in decision.reasons) == 2


def test_shuffled_labels_are_refused(real: Candidate) -> None:
    # given
    rows = real.data.learnable(real.plan.cut)
    shuffled = np.random.default_rng(1).permutation(rows.won)
    # when
    decision = _decided(real, rows, real.data.matrix(rows), shuffled, lambda matrix, _deal: matrix)
    # then
    assert not decision.promoted
    assert any("not clearly below the age-and-calendar model's" in reason for reason in decision.reasons)
