"""POST /v1/explanations without a cache: the prediction's answer, taken apart and told."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar.testing import TestClient

from closecast.features import NAMES
from closecast.features.build import STAGES
from closecast.models import training
from closecast.models.calibration import BetaCalibration
from closecast.models.data import Data
from closecast.models.deal_model import DealModel
from closecast.models.hyperparameters import Hyperparameters
from closecast.models.scorer import Scorer
from services.api.app import create_app
from services.api.serving.explanation_cache import ExplanationCache
from tests.conftest import Logged
from tests.servers.processes import free_port
from tests.unit.services.api import conftest

Client = TestClient[Any]
DEAL = {"engage_date": "2017-10-20", "sales_agent": "Ada Berg", "product": "GTXPro", "account": "Oak Foods"}


def _explain(client: Client, deal: dict[str, Any], **question: Any) -> Any:
    return client.post("/v1/explanations", json={"deal": deal, "as_of": "2017-12-01", "horizon": 30, **question})


@pytest.mark.parametrize("change", [{}, {"account": ""}, {"sales_agent": "a stranger"}, {"engage_date": "2017-12-01"}])
def test_the_parts_add_up_to_the_predictions_answer(client: Client, change: dict[str, str]) -> None:
    # given
    deal = {**DEAL, **change}
    predicted = client.post("/v1/predictions", json={"deal": deal, "as_of": "2017-12-01", "horizon": 30}).json()
    # when
    answer = _explain(client, deal).json()
    # then
    assert answer["probability"] == predicted["probability"]
    assert {name: answer[name] for name in ("as_of", "horizon_days", "by", "model")} == {
        name: predicted[name] for name in ("as_of", "horizon_days", "by", "model")
    }
    points = sum(group["points"] for group in answer["groups"])
    assert answer["base"]["probability"] + points == pytest.approx(answer["probability"], abs=1e-14)
    assert [feature["name"] for feature in answer["features"]] == list(NAMES[: STAGES.start])  # it has no history
    assert answer["request_id"]


@pytest.fixture(scope="module")
def bent(served_model: DealModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A service whose model has trees that use every kind of feature, and a calibration that bends."""
    data = Data(served_model.deals)
    rows = data.learnable()
    wanted = Hyperparameters(num_leaves=15, min_data_in_leaf=100, calendar_weight=1.0, entity_weight=1.0)
    booster = training.fit(data.matrix(rows), rows.won, wanted, 60, 7, 1)
    folder = tmp_path_factory.mktemp("bent")
    conftest.keep(replace(served_model, scorer=Scorer(booster, BetaCalibration(0.9, 1.2, -0.15))), folder)
    with TestClient(create_app(conftest.settings(folder))) as client:
        client.headers["X-API-Key"] = conftest.KEY
        yield client


NAMES_OF = {
    "sales_agent": ("Ada Berg", "Carl Dahl", "a stranger", None),
    "product": ("GTXPro", "GTX Basic", "MG Special", "nobody's", None),
    "account": ("Oak Foods", "Elm Foods", "nobody's", None),
}


@given(data=st.data())
def test_it_starts_from_the_predictions_answer_for_the_deal_that_it_names(bent: Client, data: st.DataObject) -> None:
    # given any deal, date and horizon
    as_of = date(2017, 1, 1) + timedelta(days=data.draw(st.integers(0, 800), "as_of"))
    engaged = as_of - timedelta(days=data.draw(st.integers(0, 200), "age"))
    deal: dict[str, str | None] = {"opportunity_id": f"A{engaged.day}", "engage_date": str(engaged)}
    deal |= {name: data.draw(st.sampled_from(of), name) for name, of in NAMES_OF.items()}
    question = {"as_of": str(as_of), "horizon": data.draw(st.integers(1, 366) | st.just("quarter_end"), "horizon")}
    # when
    told = bent.post("/v1/explanations", json={"deal": deal, **question}).json()
    answer = bent.post("/v1/predictions", json={"deal": deal, **question}).json()
    stranger = {"engage_date": str(as_of), "sales_agent": "one", "product": "new to", "account": "all of them"}
    start = bent.post("/v1/predictions", json={"deal": stranger, **question}).json()
    # then
    assert told["probability"] == answer["probability"]
    assert told["base"]["probability"] == start["probability"]
    points = [group["points"] for group in told["groups"]]
    assert told["base"]["probability"] + sum(points) == pytest.approx(told["probability"], abs=1e-14)
    for feature in told["features"]:
        assert feature["value"] != feature["base_value"] or feature["points"] == 0


@pytest.mark.parametrize("horizon", [1, 30, 366, "quarter_end"])
def test_the_starting_point_itself_has_no_points(bent: Client, horizon: Any) -> None:
    # given
    deal = {"engage_date": "2017-12-01", "sales_agent": "one", "product": "new to", "account": "all of them"}
    # when
    told = _explain(bent, deal, horizon=horizon).json()
    # then
    assert told["probability"] == told["base"]["probability"]
    assert {part["points"] for part in (*told["groups"], *told["features"])} == {0.0}
    assert all("changes nothing" in part["sentence"] for part in (*told["groups"], *told["features"]))


def test_names_are_told_apart(client: Client) -> None:
    # when
    answer = _explain(client, {"engage_date": "2017-10-20", "sales_agent": "a stranger", "product": "GTXPro"}).json()
    # then
    sentences = {group["name"]: group["sentence"] for group in answer["groups"]}
    assert "has not met this agent" in sentences["agent"]
    assert "of the closed deals over this product were won" in sentences["product"]
    assert "names no account" in sentences["account"]
    assert "open for 42 days" in sentences["age"]


@pytest.mark.parametrize(
    ("deal", "status", "field"),
    [
        ({"deal_stage": "Won", "engage_date": "2017-10-20"}, 422, "deal.deal_stage"),
        ({}, 422, "deal.engage_date"),
        ({"engage_date": "2017-10-20", "product": 7}, 400, "deal.product"),
    ],
)
def test_what_cannot_be_scored_cannot_be_explained(
    client: Client, deal: dict[str, Any], status: int, field: str
) -> None:
    answer = _explain(client, deal)
    assert answer.status_code == status
    assert answer.json()["errors"][0]["field"] == field


def test_a_cache_that_nobody_answers_for_is_asked_once_and_then_left_alone(logged: Logged) -> None:
    # given
    url = f"redis://127.0.0.1:{free_port()}/0"
    cache = ExplanationCache(lambda: url)
    # when
    found = [cache.get("m", np.zeros((2, len(NAMES)))) for _ in range(50)]
    # then: one refusal, one line in the log, and the reason for whoever asks
    assert found == [None] * 50
    assert (cache.hits, cache.misses, cache.failures) == (0, 0, 1)
    assert "ConnectionError" in str(cache.away)
    assert str(logged()).count("explanations are computed each time") == 1
    cache.close()


def test_without_an_address_nothing_is_kept_and_that_is_told() -> None:
    # given
    cache = ExplanationCache(lambda: None)
    # when
    found = [cache.get("m", np.zeros((2, len(NAMES)))) for _ in range(3)]
    # then
    assert found == [None] * 3
    assert cache.away == "the cache has not been found yet"
    assert cache.failures == 1
