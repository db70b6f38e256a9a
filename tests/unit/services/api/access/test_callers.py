"""Who is let in, what is logged, what the service tells of itself, and what it answers when others are away."""

import inspect
import json
import re
from typing import Any

import httpx
import pytest
from litestar.testing import TestClient

from services.api.access.admission import OPEN, Requires
from services.api.settings import Settings
from tests.conftest import Logged
from tests.unit.services.api.conftest import KEY, OTHER_KEY

Client = TestClient[Any]


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
    for route in ("/health/live", "/health/startup", "/health/ready", "/schema", "/schema/openapi.json"):
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


def test_each_request_is_one_json_line_without_the_key(client: Client, logged: Logged) -> None:
    # when
    client.get("/v1/model", headers={"X-Request-ID": "line-1"})
    client.get("/health/live")
    # then
    lines = logged()
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
    assert set(document["paths"]) == {
        "/v1/predictions",
        "/v1/predictions/batch",
        "/v1/explanations",
        "/v1/outcomes",
        "/v1/predictions/{id}",
        "/v1/pipeline",
        "/v1/forecast",
        "/v1/deal",
        "/v1/opinions",
        "/v1/model",
        "/v1/model/history",
        "/v1/model/champions",
        "/v1/model/versions",
        "/v1/model/evaluation",
        "/v1/model/rollback",
        "/v1/monitoring",
        "/v1/operations",
        "/v1/exports/check",
        "/v1/alerts",
        "/v1/alerts/silences",
        "/v1/alerts/silences/{number}",
        "/v1/keys",
        "/v1/keys/{key_id}",
        "/v1/keys/{key_id}/rotate",
        "/v1/users",
        "/v1/users/{name}",
        "/v1/sign-in",
        "/v1/me",
        "/v1/me/session",
        "/v1/me/sessions",
        "/v1/me/password",
        "/v1/audit",
        "/v1/audit/verification",
        "/health/live",
        "/health/startup",
        "/health/ready",
    }
    assert set(document["components"]["securitySchemes"]) == {"key", "bearer"}
    bodies = document["paths"]["/v1/predictions/batch"]["post"]["requestBody"]["content"]
    kinds = {"application/json", "text/csv", "application/vnd.apache.parquet"}
    assert set(bodies) == kinds
    assert set(document["paths"]["/v1/predictions/batch"]["post"]["responses"]["200"]["content"]) == kinds
    errors = document["paths"]["/v1/predictions"]["post"]["responses"]
    assert set(errors) >= {"200", "400", "401", "403", "422", "429", "503"}
    assert "application/problem+json" in errors["422"]["content"]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("CLOSECAST_MODEL_CACHE", "", "CLOSECAST_MODEL_CACHE is not set"),
        ("CLOSECAST_API_KEY_SHA256", "", "64 hexadecimal digits"),
        ("CLOSECAST_API_KEY_SHA256", "secret", "64 hexadecimal digits"),
        ("MLFLOW_TRACKING_URI", "", "MLFLOW_TRACKING_URI is not set"),
        ("CLOSECAST_RATE_LIMITS", "scorer=0/10", "expected viewer, scorer, admin with a number"),
        ("CLOSECAST_RATE_LIMITS", "god=1/10", "expected viewer, scorer, admin with a number"),
        ("CLOSECAST_TOKEN_ISSUERS", "{}", "not a JSON list of issuers"),
    ],
)
def test_a_setting_that_is_wrong_is_named(name: str, value: str, words: str) -> None:
    environment = {
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
        "CLOSECAST_MODEL_CACHE": "models",
        "CLOSECAST_API_KEY_SHA256": "a" * 64,
    }
    with pytest.raises(ValueError, match=words):
        Settings.from_environment({**environment, name: value})


@pytest.mark.parametrize(
    ("headers", "challenge"),
    [
        ({}, 'Bearer realm="closecast"'),
        ({"X-API-Key": "wrong"}, 'Bearer realm="closecast", error="invalid_token"'),
        ({"Authorization": "Bearer eyJ.eyJ.x"}, 'Bearer realm="closecast", error="invalid_token"'),
    ],
)
def test_nothing_presented_is_told_from_something_wrong(
    anonymous: Client, headers: dict[str, str], challenge: str
) -> None:
    assert anonymous.get("/v1/model", headers=headers).headers["www-authenticate"] == challenge


def test_every_route_under_v1_requires_a_role(anonymous: Client) -> None:
    required = {}
    for route in anonymous.app.routes:
        for handler in getattr(route, "route_handlers", []):
            if route.path.startswith(OPEN):
                continue
            roles = [guard.role for guard in handler.guards or () if isinstance(guard, Requires)]
            required[f"{min(handler.http_methods)} {route.path}"] = roles
    assert required.pop("OPTIONS /v1/model", None) in (None, [])
    assert {name: roles for name, roles in required.items() if not name.startswith("OPTIONS")} == {
        "POST /v1/predictions": ["scorer"],
        "POST /v1/predictions/batch": ["scorer"],
        "POST /v1/explanations": ["scorer"],
        "POST /v1/exports/check": ["scorer"],
        "POST /v1/outcomes": ["scorer"],
        "GET /v1/predictions/{id:uuid}": ["viewer"],
        "GET /v1/pipeline": ["viewer"],
        "GET /v1/forecast": ["viewer"],
        "GET /v1/deal": ["viewer"],
        "GET /v1/opinions": ["viewer"],
        "POST /v1/opinions": ["scorer"],
        "GET /v1/model": ["viewer"],
        "GET /v1/model/history": ["viewer"],
        "GET /v1/model/champions": ["viewer"],
        "GET /v1/model/versions": ["viewer"],
        "GET /v1/model/evaluation": ["viewer"],
        "GET /v1/monitoring": ["viewer"],
        "POST /v1/model/rollback": ["admin"],
        "GET /v1/alerts": ["viewer"],
        "GET /v1/alerts/silences": ["viewer"],
        "POST /v1/alerts/silences": ["admin"],
        "DELETE /v1/alerts/silences/{number:int}": ["admin"],
        "POST /v1/keys": ["admin"],
        "GET /v1/keys": ["admin"],
        "POST /v1/keys/{key_id:str}/rotate": ["admin"],
        "DELETE /v1/keys/{key_id:str}": ["admin"],
        "POST /v1/users": ["admin"],
        "GET /v1/users": ["admin"],
        "PATCH /v1/users/{name:str}": ["admin"],
        "GET /v1/me": ["viewer"],
        "DELETE /v1/me/session": ["viewer"],
        "DELETE /v1/me/sessions": ["viewer"],
        "PUT /v1/me/password": ["viewer"],
        "GET /v1/operations": ["admin"],
        "GET /v1/audit": ["admin"],
        "GET /v1/audit/verification": ["admin"],
    }


@pytest.mark.parametrize("path", ["/v1/model", "/v1/nothing", "/v1/predictions", "/health/live", "/nothing"])
def test_every_answer_carries_security_headers(client: Client, path: str) -> None:
    found = client.get(path).headers
    assert found["x-content-type-options"] == "nosniff"
    assert found["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in found["content-security-policy"]
    assert (found.get("cache-control") == "no-store") == path.startswith("/v1")
    assert "strict-transport-security" not in found


def test_the_page_of_the_description_may_load_what_it_names_and_nothing_else(anonymous: Client) -> None:
    # given
    page = anonymous.get("/schema")
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    # then
    for source in re.findall(r'(?:src|href)="(https://[^/"]+)', page.text):
        assert source in policy["script-src"] + policy["style-src"] + policy["img-src"]
    assert not re.search(
        r"<script[^>]*>[^<]*\S[^<]*</script>", page.text
    )  # no program in the page: none is allowed to run
    assert (policy["frame-ancestors"], policy["default-src"]) == ("'none'", "'none'")


def test_browsers_are_held_to_tls_only_behind_it(client: Client) -> None:
    found = client.get("/v1/model", headers={"X-Forwarded-Proto": "https"}).headers
    assert found["strict-transport-security"].startswith("max-age=31536000")


def test_each_answer_tells_the_limit(client: Client) -> None:
    found = client.get("/v1/model").headers
    assert found["ratelimit-policy"] == '"caller";q=200000;w=10'
    assert re.fullmatch(r'"caller";r=\d+;t=\d+', found["ratelimit"])


def test_without_a_database_there_are_no_keys_to_keep(client: Client) -> None:
    for method, path, body in (
        ("POST", "/v1/keys", {"name": "x"}),
        ("GET", "/v1/keys", None),
        ("GET", "/v1/audit", None),
        ("DELETE", "/v1/keys/aaaaaaaaaaaa", None),
    ):
        answer = client.request(method, path, json=body)
        assert answer.status_code == 503
        assert "CLOSECAST_DATABASE_URL" in answer.json()["detail"]


def test_roles_are_checked_on_the_event_loop(anonymous: Client) -> None:
    # The framework runs a guard that is not asynchronous in a thread of its own, for each request.
    handlers = {one for route in anonymous.app.routes for one in getattr(route, "route_handlers", [])}
    guards = [guard for one in handlers for guard in one.resolve_guards()]
    assert len(guards) > 5
    assert all(inspect.iscoroutinefunction(type(guard).__call__) for guard in guards)
