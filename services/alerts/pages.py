"""HTTP: GET /health and /metrics for Nomad and Prometheus, and POST /v1/alertmanager for Alertmanager."""

import hmac
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from closecast.platform.alerts.alertmanager import Received, ReceivedError, received
from closecast.platform.runtime.pages import PageServer
from services.alerts.status import Status

RECEIVER = "/v1/alertmanager"
_MOST_BYTES = 2**20
_SECONDS = 10.0


def serve(host: str, port: int, status: Status, token: str, take: Callable[[Received], bool]) -> ThreadingHTTPServer:
    """Serve in a thread. `take` writes down what Alertmanager sent; returns False while it cannot."""

    class Handler(BaseHTTPRequestHandler):
        timeout = _SECONDS  # of each read: who sends nothing holds no thread for long

        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, generate_latest(status.registry), CONTENT_TYPE_LATEST)
            elif self.path == "/health":
                self._answer(
                    200 if status.is_well() else 503, json.dumps(status.as_dict()).encode(), "application/json"
                )
            else:
                self._say(404, "only GET /health, GET /metrics and POST /v1/alertmanager are here")

        def do_POST(self) -> None:
            if self.path != RECEIVER:
                self._say(404, "only GET /health, GET /metrics and POST /v1/alertmanager are here")
                return
            given = self.headers.get("Authorization") or ""
            if not hmac.compare_digest(given.encode("utf-8", "replace"), f"Bearer {token}".encode()):
                self._say(401, "Alertmanager's token is missing or wrong")
                return
            length = self.headers.get("Content-Length") or ""
            if not (length.isascii() and length.isdecimal() and len(length) < 9) or int(length) > _MOST_BYTES:
                self._say(413 if length else 411, f"expected a Content-Length of at most {_MOST_BYTES}")
                return
            try:
                sent = received(self.rfile.read(int(length)))
            except ReceivedError as error:
                self._say(400, f"this is no message of Alertmanager's: {error}")
                return
            if take(sent):
                self._say(200, "taken")
            else:
                self._say(503, "the database does not answer: send it again")

        def _say(self, code: int, text: str) -> None:
            self._answer(code, f"{text}\n".encode(), "text/plain; charset=utf-8")

        def _answer(self, code: int, payload: bytes, media_type: str) -> None:
            self.send_response(code)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(payload)))
            self.send_header("X-Content-Type-Options", "nosniff")
            # A body that was not read would be taken for the next request.
            self.send_header("Connection", "close")
            self.close_connection = True
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing: Nomad's check runs every five seconds."""

    server = PageServer((host, port), Handler)
    threading.Thread(target=server.serve_forever, name="pages", daemon=True).start()
    return server
