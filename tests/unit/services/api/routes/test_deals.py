"""`/v1/deal` beside a real model: the numbers are those of the other routes, and what is not known is said."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import httpx
import pandas as pd
import pytest
from litestar.testing import TestClient

from closecast.models.deal_model import DealModel

Client = TestClient[Any]


@pytest.fixture(scope="module")
def ranking(anonymous: Client) -> Any:
    from tests.unit.services.api.conftest import KEY

    return anonymous.get("/v1/pipeline?limit=10000&weeks_back=1", headers={"X-API-Key": KEY}).json()


def asked(client: Client, identifier: str, **query: str) -> httpx.Response:
    answer: httpx.Response = client.get("/v1/deal", params={"opportunity_id": identifier, **query})
    return answer


def closed(model: DealModel, stage: str) -> Any:
    deals = model.deals
    return deals[
        (deals["deal_stage"] == stage) & (deals["close_date"] - deals["engage_date"] > pd.Timedelta("30D"))
    ].iloc[0]


def test_an_open_deal_has_the_numbers_of_the_other_routes(client: Client, ranking: Any) -> None:
    # given
    ranked = ranking["deals"][0]
    names = ("opportunity_id", "sales_agent", "product", "account", "engage_date")
    deal = {name: ranked[name] for name in names}
    # when
    answer = asked(client, ranked["opportunity_id"]).json()
    # then
    assert {name: answer[name] for name in names} == deal
    assert (answer["state"], answer["close_date"], answer["close_value"]) == ("open", None, None)
    outlook, question = answer["outlook"], {"as_of": answer["as_of"], "horizon": "quarter_end"}
    for name in ("probability", "price", "age_days"):
        assert outlook[name] == ranked[name]
    told = client.post("/v1/explanations", json={"deal": deal, **question}).json()
    assert outlook["base"] == told["base"]
    assert outlook["groups"] == told["groups"]
    points = outlook["base"]["probability"] + sum(one["points"] for one in outlook["groups"])
    assert points == pytest.approx(outlook["probability"], abs=1e-9)
    # and each date of the curve has the chance that a prediction gives for it
    for one in outlook["curve"]:
        days = (date.fromisoformat(one["by"]) - date.fromisoformat(answer["as_of"])).days
        single = client.post("/v1/predictions", json={"deal": deal, "as_of": answer["as_of"], "horizon": days}).json()
        assert single["probability"] == one["probability"]
    chances = [one["probability"] for one in outlook["curve"]]
    assert chances == sorted(chances)
    # and the last of the weeks is today's, and the one before that of the ranking
    assert answer["past"][-1] == {"as_of": answer["as_of"], "by": answer["by"], "probability": outlook["probability"]}
    if ranked["probability_before"] is not None:
        assert answer["past"][-2]["probability"] == ranked["probability_before"]
    assert outlook["alike"]["of"] >= outlook["alike"]["won"] + outlook["alike"]["lost"]


@pytest.mark.parametrize("stage", ["Won", "Lost"])
def test_a_closed_deal_shows_its_end_and_the_weeks_before(client: Client, served_model: DealModel, stage: str) -> None:
    # given
    row = closed(served_model, stage)
    # when
    answer = asked(client, row["opportunity_id"]).json()
    # then
    assert (answer["state"], answer["close_date"]) == (stage.lower(), str(row["close_date"].date()))
    assert answer["close_value"] == (row["close_value"] if stage == "Won" else None)
    assert answer["outlook"] is None
    days = [date.fromisoformat(one["as_of"]) for one in answer["past"]]
    assert days[-1] == row["close_date"].date() - timedelta(days=1)
    assert days[0] >= row["engage_date"].date()
    assert {one["by"] for one in answer["past"]} == {answer["past"][0]["by"]}
    # when asked as of a day on which it was open
    earlier = asked(client, row["opportunity_id"], as_of=str(row["close_date"].date() - timedelta(days=8))).json()
    # then there is a chance, and how it ended
    assert 0 < earlier["outlook"]["probability"] < 1
    assert earlier["state"] == stage.lower()


def test_a_deal_that_nobody_has_engaged_has_no_chance(client: Client, served_model: DealModel) -> None:
    deals = served_model.deals
    row = deals[deals["engage_date"].isna()].iloc[0]
    answer = asked(client, row["opportunity_id"]).json()
    assert (answer["state"], answer["engage_date"], answer["past"], answer["outlook"]) == (
        "prospecting",
        None,
        [],
        None,
    )


@pytest.mark.parametrize("name", ["nothing", "a/b", "' OR 1=1", "%00", "\u2028", pytest.param("x" * 500, id="long")])
def test_a_deal_that_is_not_there_is_404(client: Client, name: str) -> None:
    answer = asked(client, name)
    assert (answer.status_code, answer.json()["title"]) == (404, "There is no such deal")
    assert client.get("/v1/opinions", params={"opportunity_id": name}).status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        "",
        "opportunity_id=",
        pytest.param(f"opportunity_id={'x' * 501}", id="long"),
        "opportunity_id=a&opportunity_id=b",
    ],
)
def test_a_deal_is_named_once(client: Client, query: str) -> None:
    assert client.get(f"/v1/deal?{query}").status_code == 400


def test_the_ranking_can_be_by_value_and_by_what_is_at_stake(client: Client, ranking: Any) -> None:
    def worth(deals: Any, undecided: int) -> list[float]:
        return [one["price"] * one["probability"] * (1 - one["probability"]) ** undecided for one in deals]

    for order, undecided in (("expected_value", 0), ("stake", 1)):
        found = client.get("/v1/pipeline", params={"order": order, "limit": 10}).json()["deals"]
        assert worth(found, undecided) == pytest.approx(sorted(worth(ranking["deals"], undecided), reverse=True)[:10])
    assert ranking["expected_value"] == pytest.approx(sum(worth(ranking["deals"], 0)))


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (
            {"sales_agent": ["Elif Castro", "Femi Abbott"]},
            lambda one: one["sales_agent"] in ("Elif Castro", "Femi Abbott"),
        ),
        (
            {"product": "GTX Pro", "sales_agent": "Elif Castro"},
            lambda one: one["product"] == "GTX Pro" and one["sales_agent"] == "Elif Castro",
        ),
        ({"account": "FOODS"}, lambda one: "foods" in (one["account"] or "").lower()),
        ({"min_age": 30, "max_age": 60}, lambda one: 30 <= one["age_days"] <= 60),
        ({"min_price": 1_000, "max_price": 5_000}, lambda one: 1_000 <= one["price"] <= 5_000),
        ({"sales_agent": "Nobody"}, lambda _: False),
        ({"region": "East"}, lambda _: False),
    ],
    ids=["agents", "product and agent", "account", "age", "price", "none", "no regions"],
)
def test_filters_keep_what_they_say_and_sums_are_of_what_is_kept(
    client: Client, ranking: Any, query: dict[str, Any], wanted: Callable[[Any], bool]
) -> None:
    kept = [one for one in ranking["deals"] if wanted(one)]
    answer = client.get("/v1/pipeline", params={"limit": 3, **query}).json()
    assert [one["opportunity_id"] for one in answer["deals"]] == [one["opportunity_id"] for one in kept[:3]]
    assert answer["counts"] == {**ranking["counts"], "matching": len(kept)}
    assert answer["expected_wins"] == pytest.approx(sum(one["probability"] for one in kept))
    assert answer["expected_value"] == pytest.approx(sum(one["probability"] * one["price"] for one in kept))
    assert answer["choices"] == ranking["choices"]


def test_the_past_deals_that_are_counted_are_those_of_the_deals_page(client: Client, ranking: Any) -> None:
    for one in ranking["deals"][::7]:
        query = {"opportunity_id": one["opportunity_id"], "as_of": ranking["as_of"], "horizon": "quarter_end"}
        deal = client.get("/v1/deal", params=query).json()
        assert deal["outlook"]["alike"]["of"] == one["alike"]


def test_the_names_to_choose_from_are_those_of_open_deals(ranking: Any) -> None:
    for column in ("sales_agent", "product"):
        assert ranking["choices"][column] == sorted({one[column] for one in ranking["deals"]})


@pytest.mark.parametrize(
    "query", ["account=a&account=b", "min_age=-1", "max_price=1e3", "sales_agent=", "min_age=1&min_age=2"]
)
def test_a_filter_that_is_none_is_refused(client: Client, query: str) -> None:
    assert client.get(f"/v1/pipeline?{query}").status_code == 400


def test_names_are_repeated_within_reason(client: Client) -> None:
    assert client.get("/v1/pipeline?" + "sales_agent=a&" * 99 + "sales_agent=a").status_code == 200
    assert client.get("/v1/pipeline?" + "sales_agent=a&" * 100 + "sales_agent=a").status_code == 400


def test_the_ranking_says_what_was_a_week_before(client: Client, ranking: Any) -> None:
    # given the ranking as of a week before, for the same date
    then = date.fromisoformat(ranking["as_of"]) - timedelta(weeks=1)
    days = (date.fromisoformat(ranking["by"]) - then).days
    query = {"as_of": str(then), "horizon": str(days), "limit": "10000"}
    before = {
        one["opportunity_id"]: one["probability"] for one in client.get("/v1/pipeline", params=query).json()["deals"]
    }
    # then
    for one in ranking["deals"]:
        is_new = date.fromisoformat(one["engage_date"]) > then
        assert one["probability_before"] == (None if is_new else before[one["opportunity_id"]])
    assert all(one["probability_before"] is None for one in client.get("/v1/pipeline").json()["deals"])


def test_without_a_database_opinions_and_forecasts_are_away(client: Client, ranking: Any) -> None:
    identifier = ranking["deals"][0]["opportunity_id"]
    assert client.get("/v1/opinions", params={"opportunity_id": identifier}).status_code == 503
    assert client.get("/v1/forecast").status_code == 503
    opinion = {"opportunity_id": identifier, "expects": "higher", "reason": "They have signed."}
    assert client.post("/v1/opinions", json=opinion).status_code == 503


@pytest.mark.parametrize(
    "change",
    [
        {"expects": "more"},
        {"reason": ""},
        {"reason": " \n "},
        {"reason": "a\u0000b"},
        {"reason": "a\u202eb"},
        pytest.param({"reason": "x" * 1_001}, id="long"),
        {"opportunity_id": ""},
        {"probability": 0.9},
        {"horizon": 0},
    ],
)
def test_what_is_no_opinion_is_refused(client: Client, ranking: Any, change: dict[str, Any]) -> None:
    opinion = {"opportunity_id": ranking["deals"][0]["opportunity_id"], "expects": "lower", "reason": "No budget."}
    answer = client.post("/v1/opinions", json=opinion | change)
    assert answer.status_code in (400, 422), answer.text


def test_nobody_disagrees_with_what_has_ended(client: Client, served_model: DealModel) -> None:
    opinion = {"opportunity_id": closed(served_model, "Won")["opportunity_id"], "expects": "lower", "reason": "No."}
    answer = client.post("/v1/opinions", json=opinion)
    assert answer.status_code == 422
    assert "not open as of" in answer.json()["detail"]
