"""Fiscal years: every way of asking a model means the quarters that it learnt, and says which."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from litestar.testing import TestClient

from closecast.deals.horizon import QUARTER_END
from closecast.models.card import ModelCard
from closecast.models.deal_model import DealModel, ModelError
from services.api.app import create_app
from tests.unit.services.api import conftest

AS_OF = date(2017, 8, 20)


def _beginning_with(month: int, model: DealModel) -> DealModel:
    return DealModel(model.scorer, replace(model.card, fiscal_year_start=month), model.deals)


def test_two_years_at_once_do_not_mix(served_model: DealModel) -> None:
    # given questions about both are kept in one memory
    from closecast.scoring.question import Question

    one, other = (_beginning_with(month, served_model) for month in (1, 2))
    for model, end in ((one, date(2017, 9, 30)), (other, date(2017, 10, 31)), (one, date(2017, 9, 30))):
        assert Question.ask(model, AS_OF, QUARTER_END).by == end


def test_asked_about_days_an_answer_says_what_its_quarter_is_all_the_same(
    served_model: DealModel, tmp_path: Path
) -> None:
    # given
    conftest.keep(_beginning_with(2, served_model), tmp_path)
    with TestClient(create_app(conftest.settings(tmp_path))) as client:
        client.headers["X-API-Key"] = conftest.KEY
        body = {"deal": {"engage_date": "2017-10-20"}, "as_of": "2017-10-31", "horizon": 7}
        # when
        answer = client.post("/v1/predictions", json=body).json()
    # then on a quarter's last day it is the next one
    assert answer["by"] == "2017-11-07"
    assert answer["quarter"] == {"start": "2017-11-01", "end": "2018-01-31"}


def test_a_card_from_before_this_was_told_means_the_calendar_year(served_model: DealModel) -> None:
    old = served_model.card.to_json().replace('  "fiscal_year_start": 1,\n', "")
    assert "fiscal_year_start" not in old
    assert ModelCard.from_json(old) == served_model.card
    with pytest.raises(ModelError, match="impossible fiscal_year_start: a fiscal year begins with a month from 1"):
        ModelCard.from_json(served_model.card.to_json().replace('"fiscal_year_start": 1', '"fiscal_year_start": 13'))
    with pytest.raises(ModelError, match="impossible fiscal_year_start"):
        ModelCard.from_json(
            served_model.card.to_json().replace('"fiscal_year_start": 1', '"fiscal_year_start": "April"')
        )
