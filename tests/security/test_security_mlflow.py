"""MLflow's door on a real server: every route asks for a password, readers change nothing, and no foreign page is let in."""

import hashlib
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import mlflow
import pytest
from litestar.testing import TestClient
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from requests import HTTPError

from closecast.platform.mlflow import tracking
from closecast.platform.mlflow.http import DeniedError, RegistryError
from closecast.platform.mlflow.registry import ModelRegistry
from closecast.platform.mlflow.webhooks import ensure_webhook, registered
from closecast.platform.settings import Login
from services.api.app import create_app
from services.api.settings import Settings
from tests.conftest import Logged
from tests.security.ordinary import asked
from tests.servers.mlflow import Guarded
from tests.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
REST = "/api/2.0/mlflow"
ALIAS = f"{REST}/registered-models/alias"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# Written down here once more: what is added to the door's list is seen.
READS = {
    *(
        ("GET", f"{REST}/{route}")
        for route in (
            "artifacts/list",
            "experiments/get",
            "experiments/get-by-name",
            "experiments/search",
            "metrics/get-history",
            "model-versions/get",
            "model-versions/get-download-uri",
            "model-versions/search",
            "registered-models/alias",
            "registered-models/get",
            "registered-models/get-latest-versions",
            "registered-models/search",
            "runs/get",
            "logged-models/x",
            "logged-models/search",
        )
    ),
    *(
        ("POST", f"{REST}/{route}")
        for route in (
            "experiments/search",
            "runs/search",
            "logged-models/search",
            "registered-models/get-latest-versions",
        )
    ),
    ("GET", "/api/2.0/mlflow-artifacts/artifacts"),
    ("GET", "/api/2.0/mlflow-artifacts/artifacts/x"),
    ("GET", "/api/2.0/mlflow-artifacts/presigned/x"),
    ("GET", "/api/3.0/mlflow/server-info"),
    ("GET", "/version"),
}
KEEPS_ITS_WEBHOOK = {("GET", f"{REST}/webhooks"), ("POST", f"{REST}/webhooks"), ("PATCH", f"{REST}/webhooks/x")}
ROLLS_BACK = {("POST", ALIAS)}
NOBODY = ("/gateway/", "/ajax-api/2.0/mlflow/gateway-proxy", "/ajax-api/3.0/mlflow/assistant/")


def _routes() -> list[str]:
    """Every path that MLflow's server knows, FastAPI's and Flask's, with something in the place of each variable."""
    from mlflow.server import app
    from mlflow.server.fastapi_app import app as outer

    included = [
        (one.include_context.prefix, one.original_router) for one in outer.routes if hasattr(one, "original_router")
    ]
    native = [prefix + route.path for prefix, router in included for route in router.routes]
    others = [route.path for route in outer.routes if not hasattr(route, "original_router") and route.path]
    found = [*native, *others, *(str(rule) for rule in app.url_map.iter_rules())]
    return sorted({re.sub(r"<[^>]*>|\{[^}]*\}", "x", path) for path in found})


@pytest.fixture(scope="module")
def people(guarded: Guarded) -> Iterator[MlflowClient]:
    """MLflow's own client, as whoever may do everything, with a model that bears the alias."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in guarded.environment(guarded.people).items():
            patched.setenv(name, value)
        client = MlflowClient(guarded.uri, guarded.uri)
        run = client.create_run(client.create_experiment("security"))
        client.log_text(run.info.run_id, "ours", "model/note.txt")
        # The database is shared by the session: what other tests registered is taken out first.
        for model in client.search_registered_models():
            client.delete_registered_model(model.name)
        client.create_registered_model("closecast")
        for _ in range(2):
            client.create_model_version("closecast", f"{run.info.artifact_uri}/model", run.info.run_id)
        client.set_registered_model_alias("closecast", "champion", "1")
        yield client


@pytest.fixture
def artifact(people: MlflowClient) -> str:
    """Where the proxy has the file of the version that is champion."""
    run = people.get_run(str(people.get_model_version("closecast", "1").run_id))
    return f"/api/2.0/mlflow-artifacts/artifacts{urlsplit(run.info.artifact_uri).path}/model/note.txt"


def _unchanged(guarded: Guarded, artifact: str) -> bool:
    with guarded.client() as client:
        found = client.get(ALIAS, params={"name": "closecast", "alias": "champion"}).json()["model_version"]["version"]
        webhooks = client.get(f"{REST}/webhooks").json().get("webhooks", [])
        return (found, client.get(artifact).text, webhooks) == ("1", "ours", [])


_WEBHOOK = {
    "name": "theirs",
    "url": "http://127.0.0.1:1/v1/registry-events",
    "status": "ACTIVE",
    "events": [{"entity": "MODEL_VERSION_ALIAS", "action": "CREATED"}],
}
_MOVED = {"name": "closecast", "alias": "champion", "version": "2"}


@pytest.mark.parametrize(
    "shown",
    [
        (),
        ("-u", "closecast:guess"),
        ("-u", ":"),
        ("-u", "reader:"),
        ("-H", "Authorization: Bearer x"),
        ("-H", "Authorization: Basic !"),
        ("-H", "Authorization: Basic w7zDvA=="),
    ],
)
def test_an_ordinary_account_reads_and_changes_nothing(shown: tuple[str, ...], guarded: Guarded, artifact: str) -> None:
    # given
    typed = (*shown, "-H", "Content-Type: application/json")
    tries = [
        (*typed, "-d", json.dumps(_MOVED), guarded.uri + ALIAS),
        (*typed, "-X", "DELETE", "-d", json.dumps(_MOVED), guarded.uri + ALIAS),
        (*shown, "-T", "/etc/hostname", guarded.uri + artifact),
        (*shown, "-X", "DELETE", guarded.uri + artifact),
        (*typed, "-d", "x", f"{guarded.uri}/ajax-api/2.0/mlflow/upload-artifact?run_uuid=x&path=y"),
        (*typed, "-d", json.dumps(_WEBHOOK), f"{guarded.uri}{REST}/webhooks"),
        (*typed, "-d", "{}", f"{guarded.uri}{REST}/webhooks/x/test"),
        (*typed, "-d", '{"experiment_ids": ["1"]}', f"{guarded.uri}{REST}/runs/search"),
        (*typed, "-d", '{"query": "{ __typename }"}', f"{guarded.uri}/graphql"),
        (*shown, f"{guarded.uri}{ALIAS}?name=closecast&alias=champion"),
        (*shown, guarded.uri + artifact),
        (*shown, guarded.uri + "/"),
    ]
    # when
    answers = [asked(*one) for one in tries]
    # then
    assert [status for status, _ in answers] == [401] * len(tries)
    assert _unchanged(guarded, artifact)


def test_every_route_asks_for_a_password_and_readers_may_what_is_listed(guarded: Guarded, artifact: str) -> None:
    # given all there is, and what there is not
    paths = [*_routes(), "/nothing", "/api/2.0/mlflow", "/metrics", "/docs", "/openapi.json"]
    found: dict[str, set[tuple[str, str]]] = {"nobody": set(), "reader": set(), "api": set()}
    with (
        httpx.Client(base_url=guarded.uri, trust_env=False, timeout=60) as nobody,
        guarded.client(guarded.reader) as reader,
        guarded.client(guarded.api) as api,
    ):
        # when
        for path in paths:
            for method in METHODS:
                for user, client in (("nobody", nobody), ("reader", reader), ("api", api)):
                    status = client.request(method, path).status_code
                    if status != (401 if user == "nobody" else 403):
                        found[user].add((method, path))
    # then
    health = ("GET", "/health")
    assert len(paths) > 400
    assert {f"{REST}/webhooks/x/test", "/v1/traces", "/gateway/mlflow/v1/models", "/graphql", "/get-artifact"} <= set(
        paths
    )
    assert found["nobody"] == {health}
    assert found["reader"] == READS | {health}
    assert found["api"] == READS | KEEPS_ITS_WEBHOOK | ROLLS_BACK | {health}
    assert _unchanged(guarded, artifact)


@pytest.mark.parametrize(
    "path",
    [
        f"/{ALIAS}",
        f"/x/..{ALIAS}",
        ALIAS.replace("alias", "ALIAS"),
        f"{ALIAS}/",
        f"{ALIAS};x",
        f"{ALIAS}%00",
        f"{ALIAS}%3fx",
        f"{REST}/runs/search/..%2f..%2fregistered-models/alias",
        f"{REST}/runs/get/../../registered-models/alias",
        "/health/../api/2.0/mlflow/registered-models/alias",
        "/health%2f..%2fapi%2f2.0%2fmlflow%2fregistered-models%2falias",
        ALIAS.replace("/api/2.0", "/ajax-api/2.0"),
        "/api/2.0/mlflow-artifacts/artifacts/../../mlflow/registered-models/alias",
        "http://127.0.0.1/api/2.0/mlflow/registered-models/alias",
        "/%61pi/2.0/mlflow/registered-models/alias",
        "?x",
        "*",
        "//",
    ],
)
@pytest.mark.parametrize("user", ["nobody", "reader", "api"])
def test_no_spelling_of_a_path_goes_round_the_list(path: str, user: str, guarded: Guarded, artifact: str) -> None:
    # given bytes that no client has tidied up
    shown = "" if user == "nobody" else f"Authorization: {getattr(guarded, user).header}\r\n"
    body, port = json.dumps(_MOVED), urlsplit(guarded.uri).port
    change = "DELETE" if user == "api" else "POST"  # the API may move an alias, and take none away
    for method in (change, f"GET\r\nX-HTTP-Method-Override: {change}", "PUT"):
        verb, _, more = method.partition("\r\n")
        head = (
            f"{verb} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{shown}{f'{more}{chr(13)}{chr(10)}' if more else ''}"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        # when
        with socket.create_connection(("127.0.0.1", port or 0), timeout=30) as connection:
            connection.sendall((head + body).encode())
            answer = connection.makefile("rb").read()
        # then
        assert verb == "GET" or answer.split(b" ")[1] in (b"400", b"401", b"403"), answer
    assert _unchanged(guarded, artifact)


@pytest.mark.parametrize("path", NOBODY)
def test_what_nothing_here_uses_is_closed_to_everybody(path: str, guarded: Guarded) -> None:
    with guarded.client() as client:
        tried = [one for one in _routes() if one.startswith(path)]
        assert tried
        for one in tried:
            for method in ("GET", "POST", "PUT", "PATCH"):
                answer = client.request(method, one, json={})
                assert (answer.status_code, "closed to everybody" in answer.json()["message"]) == (403, True), one
        # a path that MLflow would lead there is led to the door again
        assert client.get(f"/{path}config", follow_redirects=True).status_code in (403, 404)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "evil.example:{port}"}, 421),
        ({"Host": "127.0.0.1"}, 421),
        ({"Host": "0.0.0.0:{port}"}, 421),
        ({"Host": "localhost:{port}.evil"}, 421),
        ({"Host": "[::1]:{port}"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://127.0.0.1:{port}"}, 403),
        ({"Origin": "http://localhost:4200"}, 403),
        ({"Origin": "http://127.0.0.1"}, 403),
    ],
)
def test_a_foreign_page_changes_nothing_with_the_password_that_its_browser_knows(
    headers: dict[str, str], status: int, guarded: Guarded, artifact: str
) -> None:
    # given what a browser sends with it, a form too
    port = urlsplit(guarded.uri).port
    named = {name: value.format(port=port) for name, value in headers.items()}
    asks = {**named, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    with guarded.client() as client:
        # when
        answers = [
            client.post(ALIAS, json=_MOVED, headers=named),
            client.post(ALIAS, content=json.dumps(_MOVED), headers={**named, "Content-Type": "text/plain"}),
            client.get("/health", headers=named),
            client.options(ALIAS, headers=asks),
            httpx.options(guarded.uri + ALIAS, headers=asks, trust_env=False),
        ]
    # then
    assert {answer.status_code for answer in answers} == {status}
    assert not [answer for answer in answers if "access-control-allow-origin" in answer.headers]
    assert _unchanged(guarded, artifact)


def test_its_own_page_is_let_in_and_a_browser_is_asked(guarded: Guarded) -> None:
    port = urlsplit(guarded.uri).port
    with guarded.client() as client:
        for name in ("127.0.0.1", "localhost"):
            own = {"Host": f"{name}:{port}", "Origin": f"http://{name}:{port}"}
            assert "<html" in client.get("/", headers=own).text
            assert client.post(f"{REST}/runs/search", json={"experiment_ids": ["0"]}, headers=own).status_code == 200
    answer = httpx.get(f"{guarded.uri}/", trust_env=False)
    assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert httpx.get(f"{guarded.uri}/health", trust_env=False).text == "OK"


def test_a_head_without_end_is_refused_before_a_password_is_looked_for(guarded: Guarded) -> None:
    with socket.create_connection(("127.0.0.1", urlsplit(guarded.uri).port or 0), timeout=30) as connection:
        sent = 0
        answer = b""
        connection.sendall(b"GET /health HTTP/1.1\r\n")
        try:
            while sent < 1_000_000:
                sent += connection.send(b"X-A: " + b"a" * 1_000 + b"\r\n")
            answer = connection.recv(100)
        except ConnectionError:
            answer = b"HTTP/1.1 400"  # closed while more was on its way
    assert answer.split()[1] in (b"400", b"431")


def test_mlflows_own_client_as_a_reader_loads_and_changes_nothing(
    guarded: Guarded, people: MlflowClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, artifact: str
) -> None:
    # given
    run = str(people.get_model_version("closecast", "1").run_id)
    for name, value in guarded.environment(guarded.reader).items():
        monkeypatch.setenv(name, value)
    client = MlflowClient(guarded.uri, guarded.uri)
    # when / then it reads
    assert client.get_model_version_by_alias("closecast", "champion").version == "1"
    assert [one.path for one in client.list_artifacts(run, "model")] == ["model/note.txt"]
    mlflow.set_tracking_uri(guarded.uri)
    for uri in ("models:/closecast@champion", f"runs:/{run}/model"):
        folder = mlflow.artifacts.download_artifacts(uri, dst_path=str(tmp_path / uri[:4]), tracking_uri=guarded.uri)
        assert (Path(folder) / "note.txt").read_text() == "ours"
    # and writes by no call
    for change in (
        lambda: client.set_registered_model_alias("closecast", "champion", "2"),
        lambda: client.delete_registered_model_alias("closecast", "champion"),
        lambda: client.set_model_version_tag("closecast", "1", "a", "b"),
        lambda: client.delete_registered_model("closecast"),
        lambda: client.create_model_version("closecast", "s3://x/y"),
        lambda: client.create_experiment("mine"),
        lambda: client.create_run("1"),
        lambda: client.set_tag(run, "a", "b"),
        lambda: client.log_text(run, "theirs", "model/note.txt"),
        lambda: client.delete_run(run),
        lambda: client.create_webhook("mine", "http://127.0.0.1:1/", []),
        lambda: client.list_webhooks(),
    ):
        with pytest.raises((MlflowException, HTTPError), match="the user reader may not"):
            change()
    assert _unchanged(guarded, artifact)


def test_a_wrong_password_is_told_by_every_client(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "MLFLOW_TRACKING_PASSWORD to what `just passwords` prints; a job has them from its Variable, which `just up` writes"
    for login in (None, Login("closecast", "wrong"), Login("reader", guarded.people.password)):
        with pytest.raises(RegistryError, match=said) as caught:
            ModelRegistry(guarded.uri, login=login).champion_identity()
        assert "wrong" not in str(caught.value).replace("missing or wrong", "")
        assert guarded.people.password not in str(caught.value)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "closecast")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "guessed")
    with pytest.raises(MlflowException, match=said):
        MlflowClient(guarded.uri, guarded.uri).get_run("x")


def test_the_api_with_a_wrong_password_says_so_where_it_is_looked_for(
    guarded: Guarded, tmp_path: Path, logged: Logged
) -> None:
    # given
    environment = {
        **guarded.environment(Login("api", "wrong")),
        "CLOSECAST_MODEL_CACHE": str(tmp_path),
        "CLOSECAST_WEBHOOK_SECRET": "x",
        "CLOSECAST_API_KEY_SHA256": hashlib.sha256(b"key").hexdigest(),
        "CLOSECAST_OWN_URL": "http://127.0.0.1:1",
    }
    with TestClient(create_app(Settings.from_environment(environment))) as api:
        # when
        until(lambda: "just up" in api.get("/health/ready").text)
        until(lambda: "webhook" in [line["event"] for line in logged()])
        ready = api.get("/health/ready")
    # then
    assert ready.status_code == 503
    assert "UNAUTHENTICATED" in ready.text


def test_a_run_with_a_wrong_password_is_none_that_is_tried_again(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    for login, word in ((Login("closecast", "wrong"), "UNAUTHENTICATED"), (guarded.reader, "PERMISSION_DENIED")):
        for name, value in guarded.environment(login).items():
            monkeypatch.setenv(name, value)
        with pytest.raises(DeniedError, match=word), tracking.started(guarded.uri, "x"):
            pass


@pytest.mark.usefixtures("people")
def test_our_own_client_reads_with_any_login_and_promotes_with_two(guarded: Guarded, artifact: str) -> None:
    for login in (guarded.reader, guarded.api, guarded.people):
        assert ModelRegistry(guarded.uri, login=login).champion_version() == "1"
    with pytest.raises(RegistryError, match="the user reader may not POST"):
        ModelRegistry(guarded.uri, login=guarded.reader).promote("2")
    # The API rolls back, and registers and judges nothing.
    api = ModelRegistry(guarded.uri, login=guarded.api)
    for version in ("2", "1"):
        api.promote(version)
        assert api.champion_version() == version
    with pytest.raises(RegistryError, match=r"the user api may not POST .*/model-versions/set-tag"):
        api.challenge("2", {"decision": "promoted"})
    with pytest.raises(RegistryError, match="the user reader may not GET"):
        registered(guarded.uri, guarded.reader)
    with pytest.raises(RegistryError, match="the user reader may not"):
        ensure_webhook(guarded.uri, "http://127.0.0.1:1/v1/registry-events", "secret", guarded.reader)
    assert _unchanged(guarded, artifact)
