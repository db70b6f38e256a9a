"""MLflow's flavour scores open deals alone, as everything else that scores does."""

from typing import Any

import pandas as pd
import pytest

from closecast.models.deal_model import DealModel
from closecast.scoring.pyfunc import DealModelFunction

OPEN = {"engage_date": "2017-11-20", "sales_agent": "Ada Berg", "product": "GTX Pro", "account": "Oak Foods"}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"deal_stage": "Won"}, r"row 1: the deal is closed \(Won\): there is nothing left to predict"),
        ({"deal_stage": " Lost "}, "the deal is closed"),
        ({"deal_stage": "Sleeping"}, "row 1: the stage 'Sleeping' is not known"),
        ({"close_date": "2017-12-01"}, "close_date is given although the deal is not closed"),
        ({"close_value": 5.0}, "close_value is given although the deal is not closed"),
    ],
)
def test_a_deal_that_must_not_be_scored_is_refused(
    served_model: DealModel, changed: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        DealModelFunction(served_model).predict(pd.DataFrame([OPEN, {**OPEN, **changed}]))


def test_what_says_nothing_of_an_end_is_scored(served_model: DealModel) -> None:
    rows = [
        OPEN,
        {**OPEN, "deal_stage": "Engaging", "close_date": "", "close_value": None},
        {**OPEN, "close_date": " "},
    ]
    first, *others = DealModelFunction(served_model).predict(pd.DataFrame(rows)).tolist()
    assert others == [first, first]
