"""Open deals of managers and regions, in data that have them."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from closecast.deals.vocabulary import TEAM_COLUMNS
from closecast.models.deal_model import DealModel
from closecast.scoring.question import Question
from services.api.serving.ranking import Filters, Ranking, Rankings


@pytest.fixture(scope="module")
def model(served_model: DealModel, tmp_path_factory: pytest.TempPathFactory) -> DealModel:
    """The served model's deals with managers and regions, as they are stored and loaded again."""
    deals = served_model.deals.copy()
    agents = sorted(deals["sales_agent"].unique())
    teams = {name: (f"Manager {at % 3}", ("East", None, "West")[at % 3]) for at, name in enumerate(agents)}
    for at, column in enumerate(TEAM_COLUMNS):
        deals[column] = [teams[name][at] for name in deals["sales_agent"]]
    folder: Path = tmp_path_factory.mktemp("model") / "with-teams"
    DealModel(served_model.scorer, served_model.card, deals).save(folder)
    return DealModel.load(folder)


def _ranked(model: DealModel, **filters: Any) -> Ranking:
    question = Question.ask(model, None, 30)
    return Rankings().rank(model, question, 10_000, 0, Filters(**filters))


def test_the_names_of_open_deals_are_told_and_asked_for(model: DealModel) -> None:
    every = _ranked(model)
    assert every.choices.manager == ["Manager 0", "Manager 1", "Manager 2"]
    assert every.choices.region == ["East", "West"]
    for filters in (
        {"managers": ("Manager 1",)},
        {"regions": ("East",)},
        {"regions": ("East", "West"), "managers": ("Manager 2",)},
    ):
        kept = _ranked(model, **filters)
        wanted = [
            one
            for one in every.deals
            if one.manager in filters.get("managers", every.choices.manager)
            and ("regions" not in filters or one.region in filters["regions"])
        ]
        assert kept.deals == wanted != []
        assert kept.counts.matching == len(wanted) < kept.counts.open


def test_teams_are_no_features(model: DealModel, served_model: DealModel) -> None:
    with_teams, without = _ranked(model), _ranked(served_model)
    assert [one.probability for one in with_teams.deals] == [one.probability for one in without.deals]
    assert {one.region for one in without.deals} == {None}
    assert without.choices.manager == without.choices.region == []


def test_newer_deals_may_have_teams_too(served_model: DealModel, model: DealModel) -> None:
    deals = pd.DataFrame(model.deals).astype(dict.fromkeys(TEAM_COLUMNS, object))
    newer = served_model.seen_with(deals, Question.ask(model, None, 30).as_of, "silver/newer.parquet")
    assert _ranked(newer).choices.region == ["East", "West"]
