"""`/v1/forecast` beside a real PostgreSQL: sums to the cent, the same deals as the ranking's, and its refusals."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from closecast.deals.horizon import quarter_ahead
from closecast.forecast.ledger import Ledger
from closecast.forecast.past import Forecast
from closecast.models.deal_model import DealModel
from closecast.platform import forecasts
from closecast.platform.database import connect
from services.api.app import create_app
from services.api.settings import Settings
from tests.unit.services.api.conftest import KEY, environment, keep
from tests.waiting import until

pytestmark = pytest.mark.integration
Client = TestClient[Any]
AS_OF = date(2017, 11, 19)
PARTS = ("model", "time", "calendar", "won", "lost", "engaged")


@pytest.fixture
def client(database_url: str, served_model: DealModel, tmp_path: Path) -> Iterator[Client]:
    with connect(database_url) as connection:
        connection.execute("TRUNCATE forecasts")
    keep(served_model, tmp_path)
    settings = Settings.from_environment({**environment(tmp_path), "CLOSECAST_DATABASE_URL": database_url})
    with TestClient(create_app(settings)) as made:
        made.headers["X-API-Key"] = KEY
        until(lambda: made.get("/health/ready").status_code == 200)
        yield made


def _forecast(client: Client, **query: Any) -> Any:
    answer = client.get("/v1/forecast", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def _cents(amount: float) -> int:
    return round(amount * 100)


@pytest.mark.parametrize("group_by", ["product", "sales_agent"])
def test_it_adds_up_to_the_cent(client: Client, group_by: str) -> None:
    found = _forecast(client, as_of=str(AS_OF), group_by=group_by)
    parts = {name: found[name]["value"] for name in ("closed", "open", "new")}
    assert sum(map(_cents, parts.values())) == _cents(found["total"])
    for name, value in parts.items():
        assert sum(_cents(group[name]["value"]) for group in found["groups"]) == _cents(value)
    change = found["change"]
    assert change["since"] == str(AS_OF - timedelta(days=7))
    assert _cents(change["before"]) + sum(_cents(change[name]) for name in PARTS) == _cents(change["after"])
    assert change["after"] == found["total"]
    assert found["closed"]["value"] <= found["low"] <= found["total"] <= found["high"]
    assert found["quarter"] == {"start": "2017-10-01", "end": "2017-12-31"}


def test_open_deals_are_those_of_the_ranking(client: Client, served_model: DealModel) -> None:
    found, ranked = _forecast(client), client.get("/v1/pipeline", params={"limit": 1}).json()
    assert found["as_of"] == ranked["as_of"] == served_model.card.data_as_of
    assert found["open"]["wins"] == pytest.approx(ranked["expected_wins"], rel=1e-9)
    assert found["open"]["value"] == pytest.approx(ranked["expected_value"], abs=ranked["counts"]["open"] * 0.01)
    old = client.get("/v1/pipeline", params={"limit": 1, "min_age": found["clean_up"]["older_than_days"] + 1}).json()
    assert found["clean_up"]["deals"] == old["counts"]["matching"]
    assert found["clean_up"]["adds"] == pytest.approx(old["expected_value"], abs=1)


def test_recorded_forecasts_are_compared_with_what_happened(
    client: Client, served_model: DealModel, database_url: str
) -> None:
    # given forecasts of an earlier quarter and one of a week ago, by another model
    ledger, source = Ledger(served_model.deals), served_model.card.source
    assert _forecast(client, as_of=str(AS_OF))["past"] == []
    alone = _forecast(client, as_of=str(AS_OF))
    end, since = date(2017, 9, 30), AS_OF - timedelta(days=7)
    made = [
        *(Forecast(end - timedelta(days=days), end, 100, 100, 1.0, None) for days in range(7, 70, 7)),
        Forecast(since, quarter_ahead(since)[1], 5_000, 500, 1.0, "another"),
    ]
    with connect(database_url) as connection:
        forecasts.store(connection, source, made, ledger)
    # when
    found = _forecast(client, as_of=str(AS_OF))
    # then
    assert (alone["learnt_from"], found["learnt_from"]) == (0, 9)
    assert [one["as_of"] for one in found["past"]] == sorted(str(one.as_of) for one in made)
    actual = ledger.revenue(date(2017, 7, 1), end) / 100
    assert [one["actual"] for one in found["past"]] == [*[actual] * 9, None]
    assert [one["recorded"] for one in found["past"]] == [*[False] * 9, True]
    # they were far off: the bounds are wider, and the model's part of the change is what differs
    assert found["high"] - found["low"] > alone["high"] - alone["low"]
    assert found["total"] == alone["total"]
    before = ledger.revenue(date(2017, 10, 1), since) + 5_500
    assert _cents(found["change"]["before"]) == before
    assert _cents(found["change"]["model"]) == _cents(alone["change"]["before"]) - before
    # and what was not known as of an earlier date is not told
    assert len(_forecast(client, as_of=str(since - timedelta(days=1)))["past"]) == 9


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ({"as_of": "2016-01-01"}, 422, "no deal had been won with a value by 2016-01-01"),
        ({"as_of": "1900-01-01"}, 422, "out of range"),
        ({"as_of": "yesterday"}, 400, "a date written YYYY-MM-DD"),
        ({"group_by": "account"}, 400, "group_by"),
        ({"group_by": "region"}, 422, "the deals of this model have no region"),
        ({"group_by": "'; DROP TABLE forecasts; --"}, 400, "product, sales_agent, manager or region"),
        ({"horizon": "30"}, 400, "no query parameter 'horizon' here; known: as_of, group_by"),
    ],
)
def test_what_cannot_be_forecast_is_refused(client: Client, query: dict[str, str], status: int, words: str) -> None:
    answer = client.get("/v1/forecast", params=query)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert words in answer.text
