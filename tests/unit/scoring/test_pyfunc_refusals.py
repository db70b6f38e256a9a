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
        ({"deal_stage": "Won"}, "row 1 has the deal_stage 'Won': the deal is closed"),
        ({"deal_stage": " Lost "}, "the deal is closed"),
        ({"deal_stage": "Sleeping"}, "the stage is not known"),
        ({"close_date": "2017-12-01"}, "close_date or close_value is given"),
        ({"close_value": 5.0}, "close_date or close_value is given"),
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
