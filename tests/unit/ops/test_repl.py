"""`just repl` with no platform, and what it says at first."""

from pathlib import Path

import pytest

from closecast.models.deal_model import DealModel
from closecast.platform.mlflow.registry import Identity
from ops import repl
from ops.errors import OperatorError


def test_without_a_platform_it_says_what_to_do(state: Path) -> None:
    assert not state.exists()
    with pytest.raises(OperatorError) as caught:
        repl.repl([])
    assert caught.value.remedy == "run `just up` first"


def test_the_prompt_says_which_model_and_which_deals_are_at_hand(served_model: DealModel) -> None:
    opened = repl.Opened(Identity("7", "abcdef0123"), served_model)
    said = repl.banner(opened)
    assert said.startswith("version 7 (run abcdef01), trained ")
    assert f"{len(served_model.deals):,} deals known until {served_model.card.data_as_of}" in said
    # and whatever it names is there
    names = repl.names_of(opened)
    assert {"rank", "deals", "model", "identity", "np", "pd", "date"} == set(names)
    assert names["deals"] is served_model.deals
