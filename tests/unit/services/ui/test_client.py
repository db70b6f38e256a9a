"""The client's error paths and its requests. The transport is a mock: the real API is tested where it lives, and few of
its failures can be had from it on demand."""

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import httpx
import pytest

from services.ui.client import ApiProblemError, ApiUnavailableError, Client
from services.ui.responses.pipeline import Filters

PREDICTION = {
    "probability": 0.62,
    "as_of": "2017-11-20",
    "horizon_days": 41,
    "by": "2017-12-31",
    "request_id": "r1",
    "quarter": {"start": "2017-10-01", "end": "2017-12-31"},
    "probabilities": {"30": 0.5, "60": 0.7, "90": 0.8, "quarter_end": 0.62},
    "model": {"name": "closecast", "version": "3"},
}


def client(answer: Callable[[httpx.Request], httpx.Response]) -> Client:
    return Client("http://api.example:8000/", "the-token", httpx.MockTransport(answer))


def problem(status: int, **members: Any) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _: httpx.Response(status, json=members, headers={"Content-Type": "application/problem+json"})


def test_a_question_carries_token_deal_date_and_horizon() -> None:
    # given
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=PREDICTION)

    # when
    prediction = client(answer).predict({"engage_date": "2017-11-01"}, date(2017, 11, 20), 30)
    # then
    assert (prediction.probability, prediction.by) == (0.62, date(2017, 12, 31))
    assert seen[0].headers["Authorization"] == "Bearer the-token"
    assert seen[0].url == "http://api.example:8000/v1/predictions"
    assert json.loads(seen[0].content) == {"deal": {"engage_date": "2017-11-01"}, "as_of": "2017-11-20", "horizon": 30}


def test_an_explanation_is_asked_with_the_predictions_question() -> None:
    # given
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(
            200,
            json={
                "probability": 0.62,
                "base": {"probability": 0.5, "sentence": "It starts at 50 %."},
                "groups": [{"name": "age", "title": "Age", "points": 0.12, "sentence": "Young."}],
            },
        )

    # when
    explanation = client(answer).explain({"engage_date": "2017-11-01"}, date(2017, 11, 20), 30)
    # then
    assert seen[0].url.path == "/v1/explanations"
    assert json.loads(seen[0].content) == {"deal": {"engage_date": "2017-11-01"}, "as_of": "2017-11-20", "horizon": 30}
    assert (explanation.base, explanation.probability) == (0.5, 0.62)
    assert [(one.title, one.points, one.sentence) for one in explanation.reasons] == [("Age", 0.12, "Young.")]


def test_signing_in_shows_no_token_and_gives_one() -> None:
    # given
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(201, json={"token": "the-token", "caller": {}})

    # when
    token = Client("http://api.example:8000/", None, httpx.MockTransport(answer)).sign_in("ada", "secret")
    # then
    assert token == "the-token"
    assert seen[0].url.path == "/v1/sign-in"
    assert json.loads(seen[0].content) == {"name": "ada", "password": "secret"}
    assert "Authorization" not in seen[0].headers


def test_who_has_signed_in_is_asked_for_and_signed_out() -> None:
    # given
    seen: list[tuple[str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.method, request.url.path))
        return httpx.Response(
            200,
            json={"name": "ada", "role": "scorer", "kind": "user", "id": "user:1", "has_password": True, "sessions": 1},
        )

    # when
    person = client(answer).me()
    client(answer).sign_out()
    # then
    assert (person.name, person.role) == ("ada", "scorer")
    assert seen == [("GET", "/v1/me"), ("DELETE", "/v1/me/session")]


def test_the_pipeline_is_asked_for_with_its_parameters() -> None:
    # given
    seen: list[httpx.URL] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url)
        return httpx.Response(
            200,
            json={
                "as_of": "2017-11-20",
                "horizon_days": 30,
                "by": "2017-12-20",
                "quarter": {"start": "2017-10-01", "end": "2017-12-31"},
                "model": {"name": "closecast", "version": "3"},
                "counts": {"open": 1, "matching": 1, "not_scorable": 2},
                "choices": {"sales_agent": ["Ada Berg"], "product": ["GTX Pro"], "manager": [], "region": []},
                "expected_wins": 0.4,
                "expected_value": 2_000,
                "deals": [
                    {
                        "opportunity_id": "A1",
                        "sales_agent": "Ada Berg",
                        "product": "GTX Pro",
                        "account": None,
                        "manager": None,
                        "region": None,
                        "engage_date": "2017-11-01",
                        "age_days": 19,
                        "probability": 0.4,
                        "price": 5_000,
                        "probability_before": None,
                        "alike": 7,
                    }
                ],
            },
        )

    # when
    filters = Filters(agents=("Ada Berg", "Eva & Falk"), min_age=0)
    pipeline = client(answer).pipeline(date(2017, 11, 20), 30, "stake", 5, filters)
    # then
    query = {"as_of": "2017-11-20", "horizon": "30", "limit": "5", "order": "stake", "weeks_back": "1", "min_age": "0"}
    assert {name: value for name, value in seen[0].params.items() if name != "sales_agent"} == query
    assert seen[0].params.get_list("sales_agent") == ["Ada Berg", "Eva & Falk"]
    assert pipeline.deals[0].expected_value == 2_000
    assert (pipeline.open, pipeline.not_scorable, pipeline.deals[0].account) == (1, 2, None)


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.ReadTimeout, httpx.ReadError])
def test_no_answer_is_unavailable_and_names_the_address(error: type[httpx.TransportError]) -> None:
    # given
    def answer(_: httpx.Request) -> httpx.Response:
        raise error("gone")

    # when
    with pytest.raises(ApiUnavailableError) as caught:
        client(answer).model()
    # then
    assert caught.value.detail is None
    assert caught.value.address == "http://api.example:8000"


def test_503_is_unavailable_with_the_services_own_reason() -> None:
    # given
    answer = problem(503, title="The service cannot answer this now", detail="no model serves yet")
    # when
    with pytest.raises(ApiUnavailableError) as caught:
        client(answer).model()
    # then
    assert caught.value.detail == "no model serves yet"


def test_a_problem_document_keeps_its_members() -> None:
    # given
    field = {"field": "deal.engage_date", "value": "x", "expected": "a date", "detail": "engage_date 'x' is not a date"}
    answer = problem(422, title="The input cannot be scored", detail=field["detail"], request_id="r9", errors=[field])
    # when
    with pytest.raises(ApiProblemError) as caught:
        client(answer).predict({"engage_date": "x"})
    # then
    assert (caught.value.status, caught.value.title, caught.value.request_id) == (
        422,
        "The input cannot be scored",
        "r9",
    )
    assert [(one.field, one.value, one.expected) for one in caught.value.fields] == [
        ("deal.engage_date", "x", "a date")
    ]


@pytest.mark.parametrize("content", [b"<html>bad gateway</html>", b"[]", b"null", b""])
def test_a_failure_without_a_problem_document_tells_its_status(content: bytes) -> None:
    # when
    with pytest.raises(ApiProblemError) as caught:
        client(lambda _: httpx.Response(502, content=content)).model()
    # then
    assert caught.value.detail == "http://api.example:8000 answered with the HTTP status 502"


@pytest.mark.parametrize(
    "content", [b"<html>", b"[]", b"{}", b'{"name": "closecast", "version": "1", "trained_at": 3}']
)
def test_an_answer_in_another_form_is_a_problem(content: bytes) -> None:
    # when
    with pytest.raises(ApiProblemError) as caught:
        client(lambda _: httpx.Response(200, content=content)).model()
    # then
    assert caught.value.title == "The answer is not understood"
    assert "http://api.example:8000/v1/model" in caught.value.detail
