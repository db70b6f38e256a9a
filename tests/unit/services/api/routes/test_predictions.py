"""POST /v1/predictions and /batch: numbers that are the model's, and refusals that name the field."""

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
HEADER = "opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value"


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
    assert answer["model"] == {"name": "closecast", "version": "7", "run_id": "run-7"}


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


def _batch(client: Client, body: Any) -> Any:
    return client.post("/v1/predictions/batch", json=body)


def _csv(client: Client, content: bytes, query: str = "") -> Any:
    return client.post(
        f"/v1/predictions/batch{query}", content=content, headers={"Content-Type": "text/csv; charset=utf-8"}
    )


def test_a_batch_gives_what_single_requests_give(client: Client) -> None:
    # given
    deals = [
        {"opportunity_id": f"A{day}", "engage_date": f"2017-12-{day:02}", "product": "GTXPro"} for day in range(1, 29)
    ]
    text = "\r\n".join([HEADER, *(f"{deal['opportunity_id']},,GTXPro,,,{deal['engage_date']},," for deal in deals)])
    # when
    as_json = _batch(client, {"deals": deals, "as_of": "2017-12-31", "horizon": 60}).json()
    as_csv = _csv(client, b"\xef\xbb\xbf" + text.encode(), "?as_of=2017-12-31&horizon=60").json()
    singles = [_post(client, {"deal": deal, "as_of": "2017-12-31", "horizon": 60}).json() for deal in deals]
    # then
    assert [one["probability"] for one in as_json["predictions"]] == [one["probability"] for one in singles]
    assert [one["probability"] for one in as_csv["predictions"]] == [one["probability"] for one in singles]
    assert [one["opportunity_id"] for one in as_csv["predictions"]] == [deal["opportunity_id"] for deal in deals]
    assert {one["product"] for one in as_json["predictions"]} == {"GTX Pro"}
    assert as_json["horizon_days"] == 60


def test_a_bad_row_holds_up_none_of_the_others(client: Client) -> None:
    # given
    deals: list[Any] = [
        {"engage_date": "2017-12-01"},
        {"deal_stage": "Lost"},
        {"product": 3},
        {"engage_date": "2017-12-02"},
    ]
    # when
    answers = _batch(client, {"deals": deals}).json()["predictions"]
    # then
    assert ["probability" in one for one in answers] == [True, False, False, True]
    assert answers[1]["error"]["errors"][0]["field"] == "deal.deal_stage"
    assert answers[2]["error"]["errors"][0] == {
        "field": "deal.product",
        "detail": answers[2]["error"]["detail"],
        "value": 3,
        "expected": "see /schema",
    }


def test_a_batch_of_nothing_but_bad_rows_is_answered(client: Client) -> None:
    assert _batch(client, {"deals": [{"deal_stage": "Lost"}]}).json()["predictions"][0]["error"]["status"] == 422


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a,b\n1,2\n", "no column engage_date"),
        (HEADER.encode() + b"\n", "a header and no rows"),
        (b"", "no column engage_date"),
        (HEADER.encode() + b"\nA1,\xe9,,,,2017-12-01,,\n", "not UTF-8"),
        (HEADER.encode() + b'\nA1,"open,,,,2017-12-01,,\n', "is not CSV"),
        (HEADER.encode() + b"\nA1,,,,,2017-12-01,," * 10_001, "more than 10000 rows"),
    ],
)
def test_a_csv_that_cannot_be_read_is_refused_as_a_whole(client: Client, content: bytes, words: str) -> None:
    answer = _csv(client, content)
    assert answer.status_code == 422
    assert words in answer.json()["detail"]


@pytest.mark.parametrize("body", [{"deals": "x"}, {"deals": [1]}, {}, {"deals": [{}] * 10_001}, {"deals": [], "x": 1}])
def test_a_batch_of_another_shape_is_refused(client: Client, body: Any) -> None:
    assert _batch(client, body).status_code == 422


@pytest.mark.parametrize("horizon", ["", "x", "0", "367", "99999", "1.5", "-3"])
def test_a_horizon_out_of_range_is_refused_in_the_query_too(client: Client, horizon: str) -> None:
    answer = _csv(client, f"{HEADER}\nA1,,,,,2017-12-01,,\n".encode(), f"?horizon={horizon}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "horizon"


def test_json_text_is_kept_as_it_is(client: Client) -> None:
    answer = client.post(
        "/v1/predictions", content=json.dumps({"deal": {"engage_date": " 2017-12-01 ", "account": "Ünïcode ✓"}})
    )
    assert answer.status_code == 200
