"""POST /v1/predictions/batch: the same numbers as single requests, and refusals that hold up no other row."""

from typing import Any

import pytest
from litestar.testing import TestClient

Client = TestClient[Any]
HEADER = "opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value"


def _post(client: Client, body: Any) -> Any:
    return client.post("/v1/predictions", json=body)


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
        (b"", "the CSV is empty"),
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
