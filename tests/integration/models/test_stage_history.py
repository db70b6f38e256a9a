"""A stage history that tells how deals go makes the candidate better than the same one without it."""

from datetime import date, timedelta

import numpy as np
import pandas as pd

from closecast.deals import stages
from closecast.deals.stages import HISTORY, Entry
from closecast.models import candidate, evaluation, metrics
from closecast.models.data import Data
from closecast.models.deal_model import DealModel
from closecast.models.hyperparameters import PRESETS, Hyperparameters

CUT = date(2017, 7, 1)


def test_a_history_that_tells_nothing_is_left_out(historic_model: DealModel) -> None:
    # given stages that follow no outcome
    deals = historic_model.deals.copy()
    engaged = deals["engage_date"].notna() & deals[HISTORY].notna()
    days = [stages.read(text)[0].changed for text in deals.loc[engaged, HISTORY]]
    random = np.random.default_rng(5)
    deals.loc[engaged, HISTORY] = [
        stages.write([Entry(day + timedelta(days=int(after)), str(random.integers(0, 4))) for after in (0, 4, 9)])
        for day in days
    ]
    data, without = Data(deals, CUT), Data(deals.drop(columns=HISTORY), CUT)
    # when
    scorer, _, found = candidate.fit_before(data, (Hyperparameters(),), 7, 1, CUT)
    other, _, _ = candidate.fit_before(without, (Hyperparameters(),), 7, 1, CUT)
    # then the candidate is the one without a history, to the bit
    assert not found.uses_history
    assert scorer.booster.text == other.booster.text


def _predictions(deals: pd.DataFrame) -> dict[str, tuple[evaluation.Split, metrics.Probabilities]]:
    data = Data(deals, CUT)
    scorer, _, found = candidate.fit_before(data, PRESETS, 7, 1, CUT)
    assert found.uses_history == (HISTORY in deals)
    return {one.target: (one, scorer.predict(one.test.matrix)) for one in evaluation.splits(data)}


def test_what_a_history_tells_is_learnt(historic_model: DealModel) -> None:
    # when
    told = _predictions(historic_model.deals)
    untold = _predictions(historic_model.deals.drop(columns=HISTORY))
    # then: the whole interval of the paired difference is below 0
    for target, (split, ours) in told.items():
        rows = split.test.rows
        difference = metrics.paired_difference(rows.won, ours, untold[target][1], rows.deal)
        assert difference.high < 0
