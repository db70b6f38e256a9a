"""The registry's bad days: nothing listens, something else answers, artifacts are not behind the proxy."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from closecast.platform.mlflow.http import DeniedError, LostError, MlflowHttp, RegistryError
from closecast.platform.mlflow.registry import ModelRegistry
from closecast.platform.settings import Login
from tests.servers.processes import free_port


class _Answer(BaseHTTPRequestHandler):
    status, content = 200, b""
    listings: list[bytes] = []  # noqa: RUF012 - replaced, never changed
    cut = 0  # bytes that are announced and do not come

    def do_GET(self) -> None:
        if "?path=" in self.path and self.listings:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.listings.pop(0))
            return
        self.send_response(self.status)
        if self.cut:
            self.send_header("Content-Length", str(len(self.content) + self.cut))
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def answer() -> Iterator[tuple[str, type[_Answer]]]:
    handler = type("Handler", (_Answer,), {})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", handler
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_server_that_is_away_is_named() -> None:
    # given
    uri = f"http://127.0.0.1:{free_port()}"
    # when / then
    with pytest.raises(RegistryError, match=f"the MLflow server at {uri} does not answer"):
        ModelRegistry(uri).champion_version()


@pytest.mark.parametrize("content", [b"<html>hello</html>", b"[1]"])
def test_another_server_is_recognised(answer: tuple[str, type[_Answer]], content: bytes) -> None:
    # given
    uri, handler = answer
    handler.content = content
    # when / then
    with pytest.raises(RegistryError, match="is no MLflow server"):
        ModelRegistry(uri).champion_version()


@pytest.mark.parametrize(
    "content", [b"overloaded", b"[]", b'{"error_code": "TEMPORARILY_UNAVAILABLE", "message": "x"}']
)
def test_a_refusal_is_reported(answer: tuple[str, type[_Answer]], content: bytes) -> None:
    # given
    uri, handler = answer
    handler.status, handler.content = 503, content
    # when / then
    with pytest.raises(RegistryError, match="refused"):
        ModelRegistry(uri).champion_version()


@pytest.mark.parametrize("status", [401, 403])
def test_who_is_not_let_in_is_told_so(answer: tuple[str, type[_Answer]], status: int) -> None:
    # given
    uri, handler = answer
    handler.status, handler.content = status, b'{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "not you"}'
    # when / then: it is no absence, whatever the answer calls it
    with pytest.raises(DeniedError, match="not you"):
        ModelRegistry(uri).champion_version()


def test_the_login_is_shown_to_the_server_and_to_nobody_whom_it_names(
    answer: tuple[str, type[_Answer]], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a server that leads elsewhere
    uri, handler = answer
    seen: list[tuple[str, str | None]] = []

    class Leads(_Answer):
        def do_GET(self) -> None:
            seen.append((self.path, self.headers["Authorization"]))
            first = "/elsewhere" not in self.path
            self.send_response(302 if first else 200)
            if first:
                self.send_header("Location", f"{uri}/elsewhere")
            self.end_headers()
            self.wfile.write(b"" if first else b"{}")

    monkeypatch.setattr(handler, "do_GET", Leads.do_GET)
    # when
    MlflowHttp(uri, Login("reader", "kept secret")).get("mlflow/runs/get", {})
    # then
    assert [shown for _, shown in seen] == ["Basic cmVhZGVyOmtlcHQgc2VjcmV0", None]
    assert "kept secret" not in repr(Login("reader", "kept secret"))


_WHERE = "mlflow-artifacts:/1/abc/artifacts"


def test_artifacts_outside_the_proxy_are_refused() -> None:
    with pytest.raises(RegistryError, match=r"not behind the MLflow server's proxy .mlflow-artifacts:."):
        MlflowHttp("http://127.0.0.1:1").stored_artifacts("s3://bucket/1/abc/artifacts", "model")


def test_an_empty_artifact_folder_is_refused(answer: tuple[str, type[_Answer]]) -> None:
    # given
    uri, handler = answer
    handler.content = b'{"files": []}'
    # when / then
    with pytest.raises(RegistryError, match="holds no artifacts in 1/abc/artifacts/model"):
        MlflowHttp(uri).stored_artifacts(_WHERE, "model")


def _listed(*names: str) -> bytes:
    return json.dumps({"files": [{"path": name} for name in names]}).encode()


def test_a_file_that_is_gone_is_told_from_a_store_that_fails(answer: tuple[str, type[_Answer]]) -> None:
    # given a server that says 500 of a file, which is what MLflow says on S3 in both cases
    uri, handler = answer
    handler.status, handler.content = 500, b"Internal Server Error"
    http = MlflowHttp(uri)
    # when it is no longer in the list, then it is lost
    handler.listings = [_listed("b")]
    with pytest.raises(LostError, match="does not hold a in 1/abc/artifacts/model any more"):
        http.artifact(_WHERE, "model", "a", 100)
    # when it still is, or there is no list, then the store fails
    for listings in ([_listed("a", "b")], []):
        handler.listings = listings
        with pytest.raises(RegistryError, match="500") as caught:
            http.artifact(_WHERE, "model", "a", 100)
        assert not isinstance(caught.value, LostError)


@pytest.mark.parametrize("most", [2, 100])
def test_an_answer_that_is_cut_short_is_an_outage(answer: tuple[str, type[_Answer]], most: int) -> None:
    uri, handler = answer
    handler.content, handler.cut = b"half"[: most + 1], 4
    if most == 2:  # as much as is asked for has come: too much, whatever else was to come
        with pytest.raises(LostError, match="more than the 2 bytes"):
            MlflowHttp(uri).artifact(_WHERE, "model", "a", most)
        return
    with pytest.raises(RegistryError, match="does not answer") as caught:
        MlflowHttp(uri).artifact(_WHERE, "model", "a", most)
    assert not isinstance(caught.value, LostError)


def test_no_more_of_a_file_is_read_than_it_may_have(answer: tuple[str, type[_Answer]]) -> None:
    uri, handler = answer
    handler.content = b"x" * 5_000_000
    assert len(MlflowHttp(uri).artifact(_WHERE, "model", "a", 5_000_000)) == 5_000_000
    with pytest.raises(LostError, match="model/a has more than the 4999999 bytes"):
        MlflowHttp(uri).artifact(_WHERE, "model", "a", 4_999_999)
