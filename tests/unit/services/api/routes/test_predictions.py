"""POST /v1/predictions: numbers that are the model's, and refusals that name the field."""

import json
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar.testing import TestClient

from closecast.models.deal_model import DealModel

Client = TestClient[Any]
PROBLEM = "application/problem+json"


def _post(client: Client, body: Any) -> Any:
    return client.post("/v1/predictions", json=body)


DEAL = {
    "engage_date": "2017-11-20",
    "sales_agent": "Ada Berg",
    "product": "GTX Pro",
    "account": "Oak Foods",
    "opportunity_id": "A1",
}


def _expected(model: DealModel, deal: dict[str, str], as_of: date, horizon: int) -> float:
    """By the way that training and batch scoring take."""
    columns = ("opportunity_id", "sales_agent", "product", "account")
    frame = pd.DataFrame({name: [deal.get(name)] for name in columns})
    frame["engage_date"] = pd.Timestamp(deal["engage_date"])
    builder = model.builder
    matrix = builder.matrix(
        builder.history.encode(frame), np.array([0]), np.array([as_of], "M8[D]"), np.array([horizon])
    )
    return float(model.scorer.predict(matrix)[0])


@pytest.mark.parametrize(
    "change",
    [{}, {"product": "GTXPro"}, {"account": ""}, {"account": "", "opportunity_id": ""}, {"sales_agent": "a stranger"}],
)
def test_online_and_offline_agree_to_the_bit(client: Client, served_model: DealModel, change: dict[str, str]) -> None:
    # given
    deal = {**DEAL, **change}
    # when
    answer = _post(client, {"deal": deal, "as_of": "2017-12-01", "horizon": 30}).json()
    # then
    known = {key: value for key, value in deal.items() if value} | {"product": "GTX Pro"}
    assert answer["probability"] == _expected(served_model, known, date(2017, 12, 1), 30)


def test_the_answer_is_the_models(client: Client, served_model: DealModel) -> None:
    # when
    answer = _post(client, {"deal": {**DEAL, "engage_date": "11/20/2017"}, "as_of": "2017-12-01", "horizon": 30}).json()
    # then
    expected = _expected(served_model, DEAL, date(2017, 12, 1), 30)
    assert answer["probability"] == expected
    assert answer["probabilities"]["30"] == expected
    assert (answer["as_of"], answer["horizon_days"], answer["by"]) == ("2017-12-01", 30, "2017-12-31")
    assert answer["model"] == {"name": "closecast", "version": "7", "run_id": "run-7", "kind": "model"}


def test_more_time_never_lowers_the_chance_and_the_default_date_is_the_datas_last(client: Client) -> None:
    answer = _post(client, {"deal": {"engage_date": "2017-12-10"}}).json()
    by = answer["probabilities"]
    assert list(by) == ["30", "60", "90", "quarter_end"]
    assert by["30"] <= by["60"] <= by["90"]
    assert (answer["as_of"], answer["by"]) == ("2017-12-31", "2018-03-31")


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"deal": {"engage_date": "2017-11-20", "deal_stage": "Won"}}, 422, "deal.deal_stage"),
        ({"deal": {"engage_date": "2017-11-20", "deal_stage": "Sleeping"}}, 422, "deal.deal_stage"),
        ({"deal": {"deal_stage": "Prospecting"}}, 422, "deal.engage_date"),
        ({"deal": {"engage_date": ""}}, 422, "deal.engage_date"),
        ({"deal": {"engage_date": "20.11.2017"}}, 422, "deal.engage_date"),
        ({"deal": {"engage_date": "2017-02-30"}}, 422, "deal.engage_date"),
        ({"deal": {"engage_date": "1066-10-14"}}, 422, "deal.engage_date"),
        ({"deal": {"engage_date": "2017-12-02"}, "as_of": "2017-12-01"}, 422, "deal.engage_date"),
        ({"deal": {"engage_date": "2017-11-20", "close_value": 5}}, 422, "deal.close_value"),
        ({"deal": {"engage_date": "2017-11-20", "close_date": "2017-12-01"}}, 422, "deal.close_date"),
        ({"deal": {"engage_date": "2017-11-20"}, "as_of": "0001-01-01"}, 422, "as_of"),
        ({"deal": {"engage_date": "2017-11-20"}, "as_of": "9999-12-31"}, 422, "as_of"),
        ({"deal": {"engage_date": "2017-11-20"}, "as_of": "soon"}, 400, "as_of"),
        ({"deal": {"engage_date": "2017-11-20"}, "horizon": 0}, 400, "horizon"),
        ({"deal": {"engage_date": "2017-11-20"}, "horizon": 367}, 400, "horizon"),
        ({"deal": {"engage_date": "2017-11-20"}, "horizon": 1.5}, 400, "horizon"),
        ({"deal": {"engage_date": "2017-11-20"}, "horizon": "year_end"}, 400, "horizon"),
        ({"deal": {"engage_date": "2017-11-20", "product": 7}}, 400, "deal.product"),
        ({"deal": {"engage_date": "2017-11-20", "product": "x" * 501}}, 400, "deal.product"),
        ({"deal": {"colour": "red"}}, 400, "deal"),
        ({}, 400, "body"),
        ([], 400, "body"),
    ],
)
def test_a_deal_that_cannot_be_scored_is_a_problem_document(client: Client, body: Any, status: int, field: str) -> None:
    answer = _post(client, body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith(PROBLEM)
    problem = answer.json()
    assert problem["errors"][0]["field"] == field
    assert problem["detail"]
    assert problem["request_id"] == answer.headers["x-request-id"]


def test_the_refused_value_is_quoted_and_cut(client: Client) -> None:
    error = _post(client, {"deal": {"engage_date": "2017-11-20", "deal_stage": "x" * 400}}).json()["errors"][0]
    assert error["value"].startswith("x" * 100 + "…")
    assert "Prospecting, Engaging" in error["expected"]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b'{"deal": NaN}', b"null"])
def test_a_body_that_is_no_json_is_a_client_error(client: Client, content: bytes) -> None:
    answer = client.post("/v1/predictions", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"].startswith(PROBLEM)


def test_a_body_of_more_than_ten_megabytes_is_refused(client: Client) -> None:
    for route in ("/v1/predictions", "/v1/predictions/batch"):
        answer = client.post(route, content=b"x" * 10_000_001, headers={"Content-Type": "application/json"})
        assert answer.status_code == 413
        assert answer.headers["content-type"].startswith(PROBLEM)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),  # NaN and Infinity are no JSON, but are sent
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["deal", "as_of", "horizon", "engage_date", "x"]), inner)
    ),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_JSON)
def test_no_body_makes_the_service_fail(client: Client, body: Any) -> None:
    headers = {"Content-Type": "application/json"}
    assert client.post("/v1/predictions", content=json.dumps(body), headers=headers).status_code < 500


def test_json_text_is_kept_as_it_is(client: Client) -> None:
    answer = client.post(
        "/v1/predictions", content=json.dumps({"deal": {"engage_date": " 2017-12-01 ", "account": "Ünïcode ✓"}})
    )
    assert answer.status_code == 200
