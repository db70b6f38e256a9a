"""Who is let in, what is logged, what the service tells of itself, and what it answers when others are away."""

import json

import httpx
import pytest
from litestar.testing import TestClient

from services.api.logs import flush
from services.api.settings import Settings
from tests.unit.services.api.conftest import KEY, OTHER_KEY

Client = TestClient  # type: ignore[type-arg]


@pytest.mark.parametrize(
    "headers", [{}, {"X-API-Key": "wrong"}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {KEY}"}]
)
@pytest.mark.parametrize("route", ["/v1/model", "/v1/pipeline"])
def test_without_a_known_key_nobody_is_let_in(anonymous: Client, headers: dict[str, str], route: str) -> None:
    answer = anonymous.get(route, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["content-type"].startswith("application/problem+json")


@pytest.mark.parametrize("headers", [{"X-API-Key": KEY}, {"X-API-Key": OTHER_KEY}, {"Authorization": f"bearer {KEY}"}])
def test_each_accepted_key_opens(anonymous: Client, headers: dict[str, str]) -> None:
    assert anonymous.get("/v1/model", headers=headers).status_code == 200


def test_probes_and_the_description_need_no_key(anonymous: Client) -> None:
    for route in ("/health/live", "/health/ready", "/schema", "/schema/openapi.json"):
        assert anonymous.get(route).status_code == 200


def test_a_model_from_disk_serves_while_the_registry_is_away(client: Client) -> None:
    # when
    ready, model = client.get("/health/ready").json(), client.get("/v1/model").json()
    # then
    assert (ready["status"], ready["model_version"]) == ("ready", "7")
    assert (model["version"], model["alias"], model["data_as_of"]) == ("7", "champion", "2017-12-31")
    assert "horizon_days" in model["features"]


def test_the_open_deals_are_ranked_without_any_other_service(client: Client) -> None:
    # when
    ranking = client.get("/v1/pipeline?limit=10000").json()
    # then
    chances = [deal["probability"] for deal in ranking["deals"]]
    assert len(chances) == ranking["counts"]["open"] > 100
    assert chances == sorted(chances, reverse=True)
    assert ranking["expected_wins"] == pytest.approx(sum(chances))


def test_a_sound_request_id_is_kept_and_another_is_replaced(client: Client) -> None:
    assert client.get("/v1/model", headers={"X-Request-ID": "order-17"}).headers["x-request-id"] == "order-17"
    assert client.get("/v1/model", headers={"X-Request-ID": "a b\tc"}).headers["x-request-id"] != "a b\tc"


def test_each_request_is_one_json_line_without_the_key(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    # given
    flush()
    capsys.readouterr()
    # when
    client.get("/v1/model", headers={"X-Request-ID": "line-1"})
    client.get("/health/live")
    flush()
    # then
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    assert [(line["request_id"], line["path"], line["status"]) for line in requests] == [("line-1", "/v1/model", 200)]
    assert KEY not in json.dumps(lines)


@pytest.mark.parametrize(("method", "route", "status"), [("GET", "/v2", 404), ("GET", "/v1/predictions", 405)])
def test_unknown_routes_are_problem_documents_too(client: Client, method: str, route: str, status: int) -> None:
    answer = client.request(method, route)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_a_bad_query_names_its_parameter(client: Client) -> None:
    answer: httpx.Response = client.get("/v1/pipeline?limit=0")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "limit"
    assert answer.json()["errors"][0]["value"] == "0"


def test_the_description_is_openapi_3_1_with_every_route(anonymous: Client) -> None:
    document = anonymous.get("/schema/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) == {"/v1/predictions", "/v1/predictions/batch", "/v1/explanations", "/v1/pipeline", "/v1/model",
                                      "/health/live", "/health/ready"}  # fmt: skip
    assert set(document["components"]["securitySchemes"]) == {"key", "bearer"}
    bodies = document["paths"]["/v1/predictions/batch"]["post"]["requestBody"]["content"]
    kinds = {"application/json", "text/csv", "application/vnd.apache.parquet"}
    assert set(bodies) == kinds
    assert set(document["paths"]["/v1/predictions/batch"]["post"]["responses"]["200"]["content"]) == kinds
    errors = document["paths"]["/v1/predictions"]["post"]["responses"]
    assert set(errors) >= {"200", "400", "401", "422", "503"}
    assert "application/problem+json" in errors["422"]["content"]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("CLOSECAST_MODEL_CACHE", "", "CLOSECAST_MODEL_CACHE is not set"),
        ("CLOSECAST_API_KEY_SHA256", "", "64 hexadecimal digits"),
        ("CLOSECAST_API_KEY_SHA256", "secret", "64 hexadecimal digits"),
        ("MLFLOW_TRACKING_URI", "", "MLFLOW_TRACKING_URI is not set"),
    ],
)
def test_a_setting_that_is_wrong_is_named(name: str, value: str, words: str) -> None:
    environment = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
                   "CLOSECAST_MODEL_CACHE": "models", "CLOSECAST_API_KEY_SHA256": "a" * 64}  # fmt: skip
    with pytest.raises(ValueError, match=words):
        Settings.from_environment({**environment, name: value})
