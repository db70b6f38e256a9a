"""Prefect's door: nobody gets in without the password, no foreign page, and no run names its own command."""

import base64
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from closecast.platform.prefect_http import PrefectAuth
from tests.prefects import Prefects, prefects
from tests.security.ordinary import asked

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def prefect(server_folder: Path) -> Iterator[Prefects]:
    folder = server_folder / "prefect-security"
    folder.mkdir()
    with prefects(folder) as found:
        found.worker.start()
        yield found


@pytest.fixture(scope="module")
def deployment(prefect: Prefects) -> str:
    return prefect.deploy()


def test_an_ordinary_account_begins_no_run(prefect: Prefects, deployment: str, tmp_path: Path) -> None:
    # given
    marker = tmp_path / "ran"
    body = json.dumps({"job_variables": {"command": f"touch {marker}"}, "state": {"type": "SCHEDULED"}})
    url = f"{prefect.url}/api/deployments/{deployment}/create_flow_run"
    before = len(prefect.runs())
    # when
    answers = [
        asked("-d", body, "-H", "Content-Type: application/json", *more, url)
        for more in ([], ["-u", "closecast:guess"], ["-u", ":"], ["-H", "Authorization: Bearer x"])
    ]
    # then
    assert {status for status, _ in answers} == {401}
    assert len(prefect.runs()) == before
    assert not marker.exists()


def test_every_route_of_the_api_asks_for_the_password(prefect: Prefects) -> None:
    # given
    described = prefect.http.get("/openapi.json").json()["paths"]
    # when
    answers = {}
    for path, methods in described.items():
        for method in set(methods) & {"get", "post", "put", "patch", "delete"}:
            place = path.replace("{", "").replace("}", "")
            place = place if place.startswith("/api") else f"/api{place}"
            answers[method, place] = httpx.request(method, prefect.url + place, timeout=30).status_code
    # then
    opened = {asked_for for asked_for, status in answers.items() if status not in (401, 403)}
    assert len(answers) > 150
    assert opened <= {("get", "/api/health"), ("get", "/api/ready")}


@pytest.mark.parametrize("header", ["", "Basic", "Basic !", "Basic =", "basic YTpi", "Bearer x", "Basic w7zDvA=="])
def test_what_is_no_password_is_401(header: str, prefect: Prefects) -> None:
    for path in ("/admin/version", "/csrf-token?client=x", "/flows/count", "//admin/version"):
        answer = httpx.get(f"{prefect.url}/api{path}", headers={"Authorization": header})
        assert answer.status_code == 401, path


def test_health_is_public_and_tells_nothing_else(prefect: Prefects) -> None:
    assert httpx.get(f"{prefect.url}/api/health").text == "true"
    # when
    public = httpx.get(f"{prefect.url}/health/services").json()
    known = prefect.http.get(f"{prefect.url}/health/services").json()
    # then
    assert public.keys() == {"state"}
    assert {"problems", "services"} <= known.keys()
    assert httpx.post(f"{prefect.url}/api/health").status_code in (401, 403, 405)


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1", "http://localhost.evil.example:4200"]
)
def test_a_foreign_page_gets_no_permission(origin: str, prefect: Prefects) -> None:
    # when
    wanted = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    preflight = httpx.options(f"{prefect.url}/api/flows/filter", headers=wanted)
    answered = prefect.http.get("/admin/version", headers={"Origin": origin})
    # then
    for answer in (preflight, answered):
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers


def test_its_own_page_does(prefect: Prefects) -> None:
    for name in ("127.0.0.1", "localhost"):
        origin = f"http://{name}:{prefect.server.port}"
        wanted = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        answer = httpx.options(f"{prefect.url}/api/flows/filter", headers=wanted)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, origin)
    assert "<html" in httpx.get(f"{prefect.url}/", follow_redirects=True).text
    settings = httpx.get(f"{prefect.url}/ui-settings").json()
    assert (settings["auth"], settings["csrf_enabled"]) == ("BASIC", True)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "", "localhost:{port}.evil"]
)
def test_another_name_of_this_machine_is_refused(host: str, prefect: Prefects) -> None:
    headers = {"Host": host.format(port=prefect.server.port)}
    for path in ("/api/admin/version", "/ui-settings", "/health/services", "/"):
        assert prefect.http.get(prefect.url + path, headers=headers).status_code in (400, 421)


@pytest.mark.parametrize("hosts", [b"", b"Host: 127.0.0.1:%d\r\nHost: 127.0.0.1:%d\r\n"])
def test_no_host_and_two_are_refused(hosts: bytes, prefect: Prefects) -> None:
    port = prefect.server.port
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        named = hosts.replace(b"%d", str(port).encode())
        connection.sendall(b"GET /ui-settings HTTP/1.1\r\n" + named + b"Connection: close\r\n\r\n")
        assert connection.recv(100).split()[1] in (b"400", b"421")


def test_the_password_alone_changes_nothing_without_a_token(prefect: Prefects) -> None:
    # given
    shown = {"Authorization": f"Basic {base64.b64encode(prefect.auth_string.encode()).decode()}"}
    body = {"name": "made_without_a_token", "value": "x"}
    for more in ({}, {"Prefect-Csrf-Token": "x", "Prefect-Csrf-Client": "y"}):
        # when / then
        assert httpx.post(f"{prefect.url}/api/variables/", json=body, headers={**shown, **more}).status_code == 403
    assert (
        httpx.post(f"{prefect.url}/api/variables/", json=body, auth=PrefectAuth(prefect.auth_string)).status_code == 201
    )


@pytest.mark.parametrize(
    "path", ["/api/events/in", "/api/events/out", "/api/logs/out", "/api/task_runs/subscriptions/scheduled"]
)
def test_websockets_ask_likewise(path: str, prefect: Prefects) -> None:
    url = f"ws://127.0.0.1:{prefect.server.port}{path}"
    with pytest.raises(InvalidStatus):
        connect(url, origin="http://evil.example", subprotocols=[Subprotocol("prefect")])  # type: ignore[arg-type]
    with pytest.raises(InvalidStatus):
        connect(url, additional_headers={"Host": "evil.example"}, subprotocols=[Subprotocol("prefect")])
    with pytest.raises((InvalidStatus, ConnectionClosed)):
        connect(url).recv(timeout=30)
    for message in ({"type": "auth"}, {"type": "auth", "token": "wrong"}, {"type": "event"}):
        with connect(url, subprotocols=[Subprotocol("prefect")]) as opened, pytest.raises(ConnectionClosed):
            opened.send(json.dumps(message))
            opened.recv(timeout=30)
    with connect(url, subprotocols=[Subprotocol("prefect")]) as opened:
        opened.send(json.dumps({"type": "auth", "token": prefect.auth_string}))
        assert json.loads(opened.recv(timeout=30)) == {"type": "auth_success"}


def _variables(marker: Path) -> list[dict[str, Any]]:
    code = f"open({str(marker)!r}, 'w')"
    (marker.parent / "sitecustomize.py").write_text(code)
    return [
        {"command": f"touch {marker}"},
        {"env": {"PYTHONPATH": str(marker.parent)}},
        {"env.PYTHONPATH": str(marker.parent)},
        {"env.command": f"touch {marker}"},
        {"working_dir": str(marker.parent)},
        {"name": "x", "labels": {"a": "b"}},
        {"stream_output": False},
    ]


def test_a_run_cannot_name_its_command_or_its_environment(prefect: Prefects, deployment: str, tmp_path: Path) -> None:
    # given the password, as a flow or a person at the pages has it
    marker = tmp_path / "ran"
    found = prefect.call("GET", f"/deployments/{deployment}")
    place = {
        "flow_id": found["flow_id"],
        "deployment_id": deployment,
        "work_queue_name": found["work_queue_name"],
        "work_pool_name": found["work_pool_name"],
    }
    # when
    for wanted in _variables(marker):
        body = {"job_variables": wanted, "parameters": {"seconds": 0.1}, "state": {"type": "SCHEDULED"}}
        made = prefect.http.post(f"/deployments/{deployment}/create_flow_run", json=body)
        # then Prefect refuses it where a run is made
        assert made.status_code == 422, wanted
        # and the worker leaves it out where it came in by another way
        prefect.http.patch(f"/deployments/{deployment}", json={"job_variables": wanted})
        direct = prefect.call("POST", "/flow_runs/", {**body, **place})
        ended = prefect.until(direct["id"], "COMPLETED", "FAILED", "CRASHED")
        assert (ended["state_type"], marker.exists()) == ("COMPLETED", False), wanted
        prefect.http.patch(f"/deployments/{deployment}", json={"job_variables": {}})
    assert "ignored values that a run may not set: env" in prefect.worker.log
    # and what it may not set is set
    assert prefect.until(prefect.submit(deployment, 0.1), "COMPLETED", "FAILED")["state_type"] == "COMPLETED"


def test_an_older_work_pool_is_closed_by_the_next_deployment(prefect: Prefects, deployment: str) -> None:
    # given what Prefect offers, and a deployment with what an earlier version set
    ours = prefect.call("GET", "/work_pools/closecast")["base_job_template"]
    field = {"type": "string"}
    theirs = {
        "job_configuration": {"command": "{{ command }}", "env": "{{ env }}"},
        "variables": {"type": "object", "properties": {"command": field, "env": {"type": "object"}}},
    }
    prefect.call("PATCH", "/work_pools/closecast", {"base_job_template": theirs})
    prefect.call("PATCH", f"/deployments/{deployment}", {"job_variables": {"env": {"PREFECT_CLIENT_MAX_RETRIES": "8"}}})
    # when
    prefect.deploy()
    # then
    assert prefect.call("GET", "/work_pools/closecast")["base_job_template"] == ours
    assert prefect.call("GET", f"/deployments/{deployment}")["job_variables"] == {}
