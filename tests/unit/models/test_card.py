"""The model card: it says of which entities the export says nothing."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd

from closecast.models.candidate import Candidate
from closecast.models.card import ModelCard, unknown_entities
from closecast.models.deal_model import DealModel
from closecast.models.promotion import Decision
from closecast.platform.mlflow.run_artifacts import model_card


def test_entities_with_one_name_or_none_are_unknown(deals: pd.DataFrame) -> None:
    assert unknown_entities(deals) == ()
    assert unknown_entities(deals.assign(product="unknown", account=None)) == ("product", "account")


def test_the_card_says_of_which_entities_nothing_is_known(
    built: Candidate, card: ModelCard, deals: pd.DataFrame
) -> None:
    # given
    known, unknown = card, replace(card, unknown=("sales_agent", "product"))
    report, at = built.report(), datetime(2018, 1, 1, tzinfo=UTC)
    # when
    texts = [
        model_card(DealModel(built.scorer, one, deals), report, Decision(True, ()), "a test", at)
        for one in (known, unknown)
    ]
    # then
    sentences = [line for line in texts[1].splitlines() if line not in texts[0].splitlines()]
    assert sentences == [
        "- The export does not tell sales agents apart: the features of the sales agent are the same for all deals",
        "- The export does not tell products apart: the features of the product are the same for all deals",
    ]
    assert ModelCard.from_json(unknown.to_json()) == unknown


def test_a_card_of_an_earlier_version_names_no_unknown_entity(card: ModelCard) -> None:
    # given
    content = json.loads(card.to_json())
    del content["unknown"]
    # when / then
    assert ModelCard.from_json(json.dumps(content)) == card
