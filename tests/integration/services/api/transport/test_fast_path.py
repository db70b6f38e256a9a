"""The fast path and the framework's route answer alike; the fast path declines what is out of the ordinary."""

import json
from typing import Any

import pytest
from httpx import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.api.serving import predictor
from tests.conftest import Logged

pytestmark = pytest.mark.integration

FRAMEWORKS = "application/json; charset=utf-8"  # the fast path takes the plain type alone
OFF = "closecast_predictions_off_the_fast_path_total"
NAMES = st.sampled_from([None, "", "  ", "Ada Berg", "GTX Pro", "GTXPro", "Oak Foods", "a stranger", "ü" * 40])
DATES = st.sampled_from(["2017-11-20", "11/20/2017", "2017-12-31", "2018-01-01", "1969-12-31", "", "soon", None])


def _send(client: Client, body: bytes, content_type: str) -> Any:
    return client.post("/v1/predictions", content=body, headers={"Content-Type": content_type, "X-Request-ID": "same"})


def _off_path(client: Client) -> float:
    return next(float(line.split()[1]) for line in client.get("/metrics").text.splitlines() if line.startswith(OFF))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.fixed_dictionaries(
        {"engage_date": DATES},
        optional={
            "sales_agent": NAMES,
            "product": NAMES,
            "account": NAMES,
            "opportunity_id": NAMES,
            "deal_stage": st.sampled_from(["Engaging", "Won", "x", None]),
            "close_date": DATES,
            "color": NAMES,
        },
    ),
    st.sampled_from([None, "2017-12-31", "2017-11-25", "1850-01-01", "tomorrow"]),
    st.sampled_from([1, 30, 366, 0, 367, "quarter_end", "month_end", 1.5, None]),
)
def test_both_paths_say_the_same(served: Client, deal: dict[str, Any], as_of: str | None, horizon: Any) -> None:
    # given
    body = json.dumps({"deal": deal, "as_of": as_of, "horizon": horizon}).encode()
    # when
    answers = [_send(served, body, content_type) for content_type in (FRAMEWORKS, "application/json")]
    # then
    slow, fast = ({name: value for name, value in answer.json().items() if name != "id"} for answer in answers)
    assert slow == fast
    assert answers[0].status_code == answers[1].status_code in (200, 400, 422)


def test_the_fast_path_takes_what_is_plain_and_leaves_the_rest(served: Client) -> None:
    # given
    plain = b'{"deal": {"engage_date": "2017-11-20"}, "as_of": "2017-12-01"}'
    _send(served, plain, "application/json")
    begun = _off_path(served)
    # when it is asked the same again, then what it cannot know the answer to
    assert _send(served, plain, "application/json").status_code == 200
    assert _off_path(served) == begun
    for number, (body, status) in enumerate(
        [
            (b"{", 400),
            (b"", 400),
            (b"\xff", 400),
            (b'{"deal": {}}', 422),
            (b'{"deal": {"product": "' + b"x" * 70_000 + b'"}}', 400),
        ]
    ):
        answer = _send(served, body, "application/json")
        # then
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert _off_path(served) == begun + number + 1


@pytest.mark.parametrize("given_id", ["", "with blanks", "x" * 129, "é"])
def test_an_unsound_request_id_is_replaced(served: Client, given_id: str) -> None:
    body = b'{"deal": {"engage_date": "2017-11-20"}}'
    answer = served.post(
        "/v1/predictions",
        content=body,
        headers={b"Content-Type": b"application/json", b"X-Request-ID": given_id.encode()},
    )
    assert answer.headers["x-request-id"] == answer.json()["request_id"] != given_id
    assert len(answer.json()["request_id"]) == 32


def test_metrics_tell_of_requests_answers_and_unseen_values(served: Client) -> None:
    # when
    served.post("/v1/predictions", json={"deal": {"engage_date": "2017-11-20", "sales_agent": "nobody met before"}})
    served.get("/nowhere/at/all")
    # then
    text = served.get("/metrics").text
    assert 'closecast_requests_total{method="POST",route="/v1/predictions",status="200"}' in text
    assert 'closecast_requests_total{method="GET",route="unknown",status="404"}' in text
    assert 'closecast_unseen_values_total{column="sales_agent"}' in text
    assert 'closecast_prediction_probability_count{kind="single"}' in text
    assert 'closecast_request_seconds_bucket{le="0.001",route="/v1/predictions"}' in text


def test_a_fault_after_the_record_is_answered_once_and_logged(
    served: Client, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    # given a fault that shows when the answer has been recorded, in place of the answer itself
    answered: list[str] = []

    def fails(**answer: Any) -> None:
        answered.append(answer["request_id"])
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(predictor, "Prediction", fails)
    # when, with the same bytes twice: the second head is known by then
    for _ in range(2):
        answer = _send(served, b'{"deal": {"engage_date": "2017-11-20"}}', "application/json")
        # then
        assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
        assert answer.json()["request_id"] == answer.headers["x-request-id"] == "same"
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert answered == ["same", "same"]
    monkeypatch.undo()
    assert _send(served, b'{"deal": {"engage_date": "2017-11-20"}}', "application/json").status_code == 200
    assert [line["error"] for line in logged() if line["event"] == "failure"] == [
        "ZeroDivisionError: a fault of ours"
    ] * 2
    counted = 'closecast_requests_total{method="POST",route="/v1/predictions",status="500"}'
    assert counted in served.get("/metrics").text
