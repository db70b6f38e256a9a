"""Who gets through MLflow's door, and what is said to whom it refuses. The whole table of routes: tests/security."""

import asyncio
import base64
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from services.mlflow.access_control import API, PEOPLE, READER, AccessControl, Passwords

PASSWORDS = Passwords("of people", "of the api", "of readers")
LOGINS = {PEOPLE: PASSWORDS.people, API: PASSWORDS.api, READER: PASSWORDS.reader}
ALIAS = "/api/2.0/mlflow/registered-models/alias"


async def _behind(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(f"behind: {Request(scope).url.path}")(scope, receive, send)


def _ask(
    method: str, path: str, auth: tuple[str, str] | None = None, headers: dict[str, str] | None = None
) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(AccessControl(_behind, "10.0.0.7", "5000", PASSWORDS))
        async with httpx.AsyncClient(transport=transport, base_url="http://10.0.0.7:5000") as client:
            return await client.request(method, path, auth=auth, headers=headers)

    return asyncio.run(ask())


def _status(user: str | None, method: str, path: str, **headers: str) -> int:
    return _ask(method, path, None if user is None else (user, LOGINS[user]), headers).status_code


def _sent(scope: dict[str, Any]) -> list[Any]:
    """What the door sends by itself, and the kinds of scope that it let through."""
    told: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - as ASGI has it
        told.append(f"let through: {scope['type']}")

    async def receive() -> Any:
        return {"type": f"{scope['type']}.connect"}

    async def send(message: Any) -> None:
        told.append(message)

    asyncio.run(AccessControl(app, "127.0.0.1", "5000", PASSWORDS)(scope, receive, send))
    return told


@pytest.mark.parametrize(
    ("method", "path", "may"),
    [
        ("GET", ALIAS, {PEOPLE, API, READER}),
        ("POST", ALIAS, {PEOPLE, API}),
        ("DELETE", ALIAS, {PEOPLE}),
        ("GET", "/api/2.0/mlflow-artifacts/artifacts", {PEOPLE, API, READER}),
        ("GET", "/api/2.0/mlflow-artifacts/artifacts/1/a/b", {PEOPLE, API, READER}),
        ("PUT", "/api/2.0/mlflow-artifacts/artifacts/1/a/b", {PEOPLE}),
        ("GET", "/api/2.0/mlflow-artifacts/artifactsx", {PEOPLE}),
        ("POST", "/api/2.0/mlflow/runs/search", {PEOPLE, API, READER}),
        ("POST", "/api/2.0/mlflow/runs/search/", {PEOPLE}),
        ("GET", "/api/2.0/mlflow/webhooks", {PEOPLE, API}),
        ("POST", "/api/2.0/mlflow/webhooks", {PEOPLE, API}),
        ("PATCH", "/api/2.0/mlflow/webhooks/x", {PEOPLE, API}),
        ("DELETE", "/api/2.0/mlflow/webhooks/x", {PEOPLE}),
        ("POST", "/api/2.0/mlflow/webhooks/x/test", {PEOPLE}),
        ("PATCH", "/api/2.0/mlflow/webhooks/x/y", {PEOPLE}),
        ("GET", "/", {PEOPLE}),
        ("POST", "/graphql", {PEOPLE}),
        ("POST", "/v1/traces", {PEOPLE}),
        ("POST", "/gateway/x/mlflow/invocations", set()),
        ("POST", "/gateway", set()),
        ("GET", "/ajax-api/2.0/mlflow/gateway-proxy", set()),
        ("POST", "/ajax-api/3.0/mlflow/assistant/message", set()),
        ("GET", "/ajax-api/3.0/mlflow/gateway/endpoints/list", {PEOPLE}),
    ],
)
def test_each_user_may_what_the_list_says(method: str, path: str, may: set[str]) -> None:
    assert {user for user in LOGINS if _status(user, method, path) == 200} == may
    assert {_status(user, method, path) for user in LOGINS if user not in may} <= {403}
    assert _status(None, method, path) == 401


def test_health_alone_is_open() -> None:
    assert _status(None, "GET", "/health") == 200
    for method, path in (
        ("HEAD", "/health"),
        ("POST", "/health"),
        ("OPTIONS", "/health"),
        ("GET", "/health/"),
        ("GET", "/Health"),
        ("GET", "/version"),
        ("GET", "//health"),
    ):
        assert _status(None, method, path) == 401, (method, path)


@pytest.mark.parametrize("shown", ["", "Basic", "Basic =", "Bearer x", "basic Og==", "Basic w7zDvDrDvA=="])
def test_a_browser_is_asked_and_a_client_is_told_where_passwords_come_from(shown: str) -> None:
    answer = _ask("GET", ALIAS, headers={"Authorization": shown})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert answer.json()["error_code"] == "UNAUTHENTICATED"
    for word in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "just passwords", "just up"):
        assert word in answer.json()["message"]


def test_a_password_opens_for_its_own_user_alone() -> None:
    for user in LOGINS:
        for other, password in LOGINS.items():
            status = _ask("GET", ALIAS, auth=(user, password)).status_code
            assert status == (200 if user == other else 401)
    assert all(password not in repr(PASSWORDS) for password in LOGINS.values())


def test_who_may_not_is_told_who_may() -> None:
    answer = _ask("POST", ALIAS, auth=(READER, PASSWORDS.reader)).json()
    assert answer == {
        "error_code": "PERMISSION_DENIED",
        "message": f"the user reader may not POST {ALIAS}: the user closecast may",
    }


@pytest.mark.parametrize("host", ["evil.example:5000", "10.0.0.7", "10.0.0.7:5001", "", "localhost:5000.evil"])
def test_another_name_is_refused_before_any_password(host: str) -> None:
    for path in ("/health", ALIAS):
        assert _status(PEOPLE, "GET", path, Host=host) == 421


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "https://127.0.0.1:5000", ""]
)
def test_a_foreign_page_is_refused_with_the_password_that_its_browser_knows(origin: str) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        assert _status(PEOPLE, method, ALIAS, Origin=origin) == 403


@pytest.mark.parametrize("name", ["10.0.0.7", "127.0.0.1", "localhost", "LOCALHOST"])
def test_its_own_page_is_let_in(name: str) -> None:
    host = f"{name}:5000"
    assert _status(PEOPLE, "POST", ALIAS, Host=host, Origin=f"http://{host.lower()}") == 200


def test_no_websocket_is_opened() -> None:
    shown = (b"authorization", b"Basic " + base64.b64encode(b"closecast:of people"))
    for headers in ([], [(b"host", b"127.0.0.1:5000")], [(b"host", b"127.0.0.1:5000"), shown]):
        (closing,) = _sent({"type": "websocket", "path": "/x", "headers": headers})
        assert (closing["type"], closing["code"]) == ("websocket.close", 1008)


def test_what_the_server_does_at_its_start_goes_through() -> None:
    assert _sent({"type": "lifespan"}) == ["let through: lifespan"]
