"""What is expected by a date: the sum over deals in cents, with what was known then and nothing later."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from closecast.features import FeatureBuilder, History
from closecast.forecast.chances import ModelChances
from closecast.forecast.expectation import expect
from closecast.forecast.ledger import Ledger
from closecast.models import candidate
from tests.unit.forecast.conftest import known_at

AS_OF, BY = date(2017, 8, 20), date(2017, 9, 30)


def test_open_deals_bring_their_chance_times_their_products_price(
    ledger: Ledger, history: History, chances: ModelChances
) -> None:
    found = expect(ledger, history, chances, AS_OF, BY)
    value = ledger.values(AS_OF)[0]
    assert found.open.tolist() == ledger.open(AS_OF).tolist()
    assert found.open_cents == pytest.approx(found.probability * value[found.open] * 100, abs=0.51)
    assert found.cents == found.open_cents.sum() + found.new_cents.sum()
    assert found.variance > 0
    # a later date brings more
    assert expect(ledger, history, chances, AS_OF, BY + timedelta(days=30)).cents > found.cents


def test_nothing_that_happened_later_is_known(
    made_up_deals: pd.DataFrame, made_up_candidate: candidate.Candidate, ledger: Ledger, history: History
) -> None:
    # given the same deals as they were known then
    then = known_at(made_up_deals, AS_OF)
    known = Ledger(then)
    builder = FeatureBuilder(History(then, AS_OF))
    # when
    before = expect(known, builder.history, ModelChances(known, made_up_candidate.scorer, builder), AS_OF, BY)
    chances = ModelChances(ledger, made_up_candidate.scorer, made_up_candidate.data.builder)
    after = expect(ledger, history, chances, AS_OF, BY)
    # then
    assert before.cents == after.cents
    assert before.variance == pytest.approx(after.variance)
    assert np.array_equal(before.probability, after.probability)
