"""The registry's bad days: nothing listens, something else answers, artifacts are not behind the proxy."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from closecast.platform.mlflow_http import MlflowHttp, RegistryError
from closecast.platform.registry import ModelRegistry
from tests.servers import free_port


class _Answer(BaseHTTPRequestHandler):
    status, content = 200, b""

    def do_GET(self) -> None:
        self.send_response(self.status)
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


def test_artifacts_outside_the_proxy_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match=r"not behind the MLflow server's proxy .mlflow-artifacts:."):
        MlflowHttp("http://127.0.0.1:1").download_artifacts("s3://bucket/1/abc/artifacts", "model", tmp_path)


def test_an_empty_artifact_folder_is_refused(answer: tuple[str, type[_Answer]], tmp_path: Path) -> None:
    # given
    uri, handler = answer
    handler.content = b'{"files": []}'
    # when / then
    with pytest.raises(RegistryError, match="holds no artifacts in 1/abc/artifacts/model"):
        MlflowHttp(uri).download_artifacts("mlflow-artifacts:/1/abc/artifacts", "model", tmp_path)
