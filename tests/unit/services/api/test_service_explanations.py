"""POST /v1/explanations without a cache: the prediction's answer, taken apart and told."""

import math
from typing import Any

import numpy as np
import pytest
from litestar.testing import TestClient

from closecast.features import NAMES
from services.api.explanation_cache import ExplanationCache
from tests.servers import free_port

Client = TestClient  # type: ignore[type-arg]
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
    odds = math.log(answer["probability"] / (1 - answer["probability"]))
    parts = [group["log_odds"] for group in answer["groups"]]
    assert answer["base"]["log_odds"] + sum(parts) == pytest.approx(odds, abs=1e-9)
    assert answer["log_odds"] == pytest.approx(odds, abs=1e-9)
    points = sum(group["points"] for group in answer["groups"])
    assert answer["base"]["probability"] + points == pytest.approx(answer["probability"], abs=1e-9)
    assert [feature["name"] for feature in answer["features"]] == list(NAMES)
    assert answer["request_id"]


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


def test_a_cache_that_nobody_answers_for_is_asked_once_and_then_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    # given
    url = f"redis://127.0.0.1:{free_port()}/0"
    cache = ExplanationCache(lambda: url)
    # when
    found = [cache.get("m", np.zeros((2, 23))) for _ in range(50)]
    # then: one refusal, one line in the log, and the reason for whoever asks
    assert found == [None] * 50
    assert (cache.hits, cache.misses, cache.failures) == (0, 0, 1)
    assert "ConnectionError" in str(cache.away)
    assert capsys.readouterr().err.count("explanations are computed anew each time") == 1
    cache.close()


def test_without_an_address_nothing_is_kept_and_that_is_told() -> None:
    # given
    cache = ExplanationCache(lambda: None)
    # when
    found = [cache.get("m", np.zeros((2, 23))) for _ in range(3)]
    # then
    assert found == [None] * 3
    assert cache.away == "the cache has not been found yet"
    assert cache.failures == 1
