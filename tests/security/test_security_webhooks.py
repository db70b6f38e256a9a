"""Where MLflow's server itself goes: webhooks to the API's instances and nowhere else, artifacts to the object store."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg
import pytest

from closecast.platform.mlflow.http import RegistryError
from closecast.platform.mlflow.webhooks import NAME, PATH, ensure_webhook, registered, verify
from closecast.platform.settings import Login
from tests.servers.mlflow import Guarded
from tests.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
REST = "/api/2.0/mlflow"
SECRET = "signs deliveries"
TOLD = "what another service of this machine says"


class Listener:
    """A service of this machine: it notes who asked it for what, and answers `status`, with `location` if it redirects."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_port}"
        self.port = server.server_port
        self.heard: list[tuple[str, dict[str, str], bytes]] = []
        self.status, self.location = 200, ""


@contextmanager
def listener() -> Iterator[Listener]:
    class Answer(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            found.heard.append((f"{self.command} {self.path}", headers, body))
            self.send_response(found.status)
            if found.location:
                self.send_header("Location", found.location)
            self.send_header("Content-Length", str(len(TOLD)))
            self.end_headers()
            self.wfile.write(TOLD.encode())

        do_GET = do_POST = do_HEAD = _answer  # noqa: N815 - as the base class calls them

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    found = Listener(server)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def api() -> Iterator[Listener]:
    """In the place of an instance of the API: what it answers is its own affair."""
    with listener() as found:
        yield found


@pytest.fixture
def other() -> Iterator[Listener]:
    """Any other service of this machine."""
    with listener() as found:
        yield found


@pytest.fixture(autouse=True)
def alone(guarded: Guarded, api: Listener) -> Iterator[None]:
    """Nomad knows one instance; no webhook is left over."""
    guarded.lead_to(api.url)
    yield
    with guarded.client() as client:
        for one in client.get(f"{REST}/webhooks").json().get("webhooks", []):
            client.delete(f"{REST}/webhooks/{one['webhook_id']}").raise_for_status()


@pytest.fixture
def move(guarded: Guarded) -> Iterator[Any]:
    """Moves the alias of a model of this test's."""
    with guarded.client() as client:
        client.post(f"{REST}/registered-models/create", json={"name": "hooked"}).raise_for_status()
        client.post(f"{REST}/model-versions/create", json={"name": "hooked", "source": "s3://a/b"}).raise_for_status()
        moved = {"name": "hooked", "alias": "champion", "version": "1"}
        yield lambda: client.post(f"{REST}/registered-models/alias", json=moved).raise_for_status()
        client.request("DELETE", f"{REST}/registered-models/delete", json={"name": "hooked"}).raise_for_status()


def _body(url: str) -> dict[str, Any]:
    return {
        "name": NAME,
        "url": url,
        "secret": SECRET,
        "status": "ACTIVE",
        "events": [{"entity": "MODEL_VERSION_ALIAS", "action": "CREATED"}],
    }


def _made(guarded: Guarded, url: str) -> str:
    return ensure_webhook(guarded.uri, url, SECRET, guarded.api)


def _tested(guarded: Guarded, webhook: str) -> dict[str, Any]:
    with guarded.client() as client:
        answer = client.post(f"{REST}/webhooks/{webhook}/test", json={})
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["result"])


def test_the_api_registers_itself_and_is_told_of_a_moved_alias(guarded: Guarded, api: Listener, move: Any) -> None:
    # given
    webhook = _made(guarded, api.url + PATH)
    assert _made(guarded, api.url + PATH) == webhook
    assert (registered(guarded.uri, guarded.api) or {})["url"] == api.url + PATH

    # when moved, and again: for a second MLflow goes by the webhooks that it found before
    def is_told() -> bool:
        move()
        return bool(api.heard)

    # then
    until(is_told, pause=1.0)
    request, headers, body = api.heard[0]
    assert request == f"POST {PATH}"
    verify(headers, body, SECRET, time.time())
    assert json.loads(body)["data"]["alias"] == "champion"
    assert _tested(guarded, webhook)["success"] is True


_ELSEWHERE = [
    "http://127.0.0.1:{other}{path}",
    "http://127.0.0.1:{other}/",
    "https://127.0.0.1:{api}{path}",
    "http://127.0.0.1:{api}/",
    "http://127.0.0.1:{api}",
    "http://127.0.0.1:{api}{path}/",
    "http://127.0.0.1:{api}{path}?x",
    "http://127.0.0.1:{api}{path}#x",
    "http://127.0.0.1:{api}{path}/../../health/live",
    "http://127.0.0.1:{api}//v1/registry-events",
    "http://localhost:{api}{path}",
    "http://127.0.0.1.nip.io:{other}{path}",
    "http://127.1:{other}{path}",
    "http://2130706433:{other}{path}",
    "http://0x7f000001:{other}{path}",
    "http://0177.0.0.1:{other}{path}",
    "http://[::1]:{other}{path}",
    "http://[::ffff:127.0.0.1]:{other}{path}",
    "http://0.0.0.0:{other}{path}",
    "http://127.0.0.1:{api}@127.0.0.1:{other}{path}",
    "http://a:b@127.0.0.1:{api}{path}",
    "http://127.0.0.1:{other}#@127.0.0.1:{api}{path}",
    "http://127.0.0.1:{other}\\@127.0.0.1:{api}{path}",
    "http://127.0.0.1:0{api}{path}",
    " http://127.0.0.1:{api}{path}",
    "http://127.0.0.1:{api}{path} ",
    "http://127.0.0.1:{api}{path}\n",
    "HTTP://127.0.0.1:{api}{path}",
    "http:/127.0.0.1:{other}{path}",
    "http://\uff11\uff12\uff17.0.0.1:{other}{path}",
    "http://127.0.0.1:{api}/v1%2fregistry-events",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{other}/x",
    "http://169.254.169.254/latest/meta-data/",
    "http://127.0.0.1:{api}{path},http://127.0.0.1:{other}{path}",
    "http://",
    "x",
]


@pytest.mark.parametrize("user", ["people", "api"])
def test_a_webhook_leads_to_the_api_alone_in_no_other_spelling(
    user: str, guarded: Guarded, api: Listener, other: Listener
) -> None:
    webhook = _made(guarded, api.url + PATH)
    with guarded.client(getattr(guarded, user)) as client:
        for form in _ELSEWHERE:
            url = form.format(api=api.port, other=other.port, path=PATH)
            for answer in (
                client.post(f"{REST}/webhooks", json={**_body(url), "name": "another"}),
                client.patch(f"{REST}/webhooks/{webhook}", json={"url": url}),
                client.patch(
                    f"{REST}/webhooks/{webhook}",
                    content=json.dumps({"url": api.url + PATH})[:-1] + f', "url": {json.dumps(url)}}}',
                    headers={"Content-Type": "application/json"},
                ),
            ):
                assert answer.status_code == 400, (url, answer.text)
                assert "webhooks lead to the prediction API alone" in answer.json()["message"]
                assert api.url + PATH in answer.json()["message"]
        assert [one["url"] for one in client.get(f"{REST}/webhooks").json()["webhooks"]] == [api.url + PATH]
    assert (api.heard, other.heard) == ([], [])


def test_of_several_instances_each_takes_the_webhook_over(guarded: Guarded, api: Listener, other: Listener) -> None:
    guarded.lead_to(api.url, other.url)
    webhook = _made(guarded, api.url + PATH)
    assert _made(guarded, other.url + PATH) == webhook
    assert _tested(guarded, webhook)["success"] is True
    assert (len(api.heard), len(other.heard)) == (0, 1)


def test_while_no_instance_is_known_none_is_made(guarded: Guarded, api: Listener) -> None:
    for write in (guarded.lead_to, lambda: guarded.addresses.write_text(""), guarded.addresses.unlink):
        write()
        with pytest.raises(RegistryError, match="Nomad knows no instance of it now"):
            _made(guarded, api.url + PATH)


@pytest.mark.parametrize("login", ["reader", "api"])
def test_a_webhook_is_tested_and_taken_away_by_people_alone(login: str, guarded: Guarded, api: Listener) -> None:
    webhook = _made(guarded, api.url + PATH)
    shown: Login = getattr(guarded, login)
    with guarded.client(shown) as client:
        assert client.post(f"{REST}/webhooks/{webhook}/test", json={}).status_code == 403
        assert client.delete(f"{REST}/webhooks/{webhook}").status_code == 403
    assert api.heard == []


def test_a_webhook_of_before_goes_nowhere(
    guarded: Guarded, api: Listener, other: Listener, move: Any, postgres_url: str
) -> None:
    # given one that was made when any address was taken, as its row says
    webhook = _made(guarded, api.url + PATH)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("UPDATE webhooks SET url = %s WHERE webhook_id = %s", [other.url + PATH, webhook])
    before = guarded.log.read_text().count("Failed to send webhook")
    # when
    result = _tested(guarded, webhook)
    move()
    # then
    assert (result["success"], TOLD in json.dumps(result)) == (False, False)
    assert "webhooks lead to the prediction API alone" in result["error_message"]
    until(lambda: guarded.log.read_text().count("Failed to send webhook") > before)
    assert other.heard == []


def test_an_instance_that_is_gone_is_told_nothing_more(guarded: Guarded, api: Listener, other: Listener) -> None:
    # given
    webhook = _made(guarded, api.url + PATH)
    assert _tested(guarded, webhook)["success"] is True
    # when somebody else has its port by now
    guarded.lead_to(other.url)
    # then
    assert "webhooks lead to" in _tested(guarded, webhook)["error_message"]
    assert len(api.heard) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int, guarded: Guarded, api: Listener, other: Listener) -> None:
    webhook = _made(guarded, api.url + PATH)
    api.status = status
    for location in (f"{other.url}/secret", f"//127.0.0.1:{other.port}/", "/health/live", f"{api.url}/metrics"):
        api.location = location
        result = _tested(guarded, webhook)
        assert (result["success"], TOLD in json.dumps(result)) == (False, False), location
        assert "webhooks lead to" in result["error_message"]
    assert {request for request, _, _ in api.heard} == {f"POST {PATH}"}
    assert other.heard == []


def test_artifacts_come_from_the_object_store_alone(guarded: Guarded, other: Listener, tmp_path: Path) -> None:
    # given places that whoever may write could name
    (tmp_path / "x").write_text(TOLD)
    tmp_path.chmod(0o755)
    places = [
        f"file://{tmp_path}",
        str(tmp_path),
        other.url,
        f"mlflow-artifacts://127.0.0.1:{other.port}/",
        f"ftp://127.0.0.1:{other.port}/",
        f"hdfs://127.0.0.1:{other.port}/",
        f"sftp://127.0.0.1:{other.port}/",
        f"dbfs:/{tmp_path}",
    ]
    with guarded.client() as client:
        client.post(f"{REST}/registered-models/create", json={"name": "placed"})
        for place in places:
            made = client.post(f"{REST}/experiments/create", json={"name": f"at {place}", "artifact_location": place})
            # when it is taken at all
            if made.status_code == 200:
                run = client.post(f"{REST}/runs/create", json={"experiment_id": made.json()["experiment_id"]}).json()
                run_id = run["run"]["info"]["run_id"]
                answers = [
                    client.get(f"{REST}/artifacts/list", params={"run_id": run_id}),
                    client.get("/get-artifact", params={"run_uuid": run_id, "path": "x"}),
                    client.post(
                        "/ajax-api/2.0/mlflow/upload-artifact", params={"run_uuid": run_id, "path": "y"}, content=b"y"
                    ),
                ]
            else:
                answers = [made]
            version = client.post(f"{REST}/model-versions/create", json={"name": "placed", "source": place})
            if version.status_code == 200:
                asked = {"name": "placed", "version": version.json()["model_version"]["version"], "path": "x"}
                answers.append(client.get("/model-versions/get-artifact", params=asked))
            # then
            for answer in answers:
                assert TOLD not in answer.text, (place, answer.url)
        client.request("DELETE", f"{REST}/registered-models/delete", json={"name": "placed"})
    assert other.heard == []
    assert [one.name for one in tmp_path.iterdir()] == ["x"]
