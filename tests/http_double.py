"""An HTTP double that answers by route.

It stands for Nomad, Prefect and the API where a test needs them to fail on order; the real ones are in tests/e2e, and beside
it in tests/integration/ops.
"""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


class Double(ThreadingHTTPServer):
    """`answers` by "METHOD /path": a status and a body, or a list of them given one after the other.

    A body may be a function of the request's, decoded from JSON.
    """

    answers: dict[str, Any]
    kinds: dict[str, str]  # the Content-Type of answers that have one
    asked: list[tuple[str, Any]]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Double

    def _answer(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        key = f"{self.command} {self.path.partition('?')[0]}"
        self.server.asked.append((key, content))
        found = self.server.answers.get(key, (404, {"detail": f"the double knows no {key}"}))
        if isinstance(found, list):
            found = found.pop(0) if len(found) > 1 else found[0]
        status, body = found
        if callable(body):
            body = body(json.loads(content))
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(payload)))
        if key in self.server.kinds:
            self.send_header("Content-Type", self.server.kinds[key])
        self.end_headers()
        self.wfile.write(payload)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - the base class looks for these names

    def log_message(self, format: str, *args: object) -> None:
        """The tests' output is theirs."""


@pytest.fixture
def double() -> Iterator[Double]:
    server = Double(("127.0.0.1", 0), _Handler)
    server.answers, server.kinds, server.asked = {}, {}, []
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield server
    server.shutdown()
