"""HTTP: GET /health and /metrics for Nomad and Prometheus, and POST /v1/alertmanager for Alertmanager."""

import hmac
import json
from collections.abc import Callable

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from closecast.platform.alerts.alertmanager import Received, ReceivedError, received
from closecast.platform.runtime.pages import PageHandler, PageServer, serve_pages
from services.alerts.status import AlertsStatus

RECEIVER = "/v1/alertmanager"
_MOST_BYTES = 2**20


def serve(host: str, port: int, status: AlertsStatus, token: str, take: Callable[[Received], bool]) -> PageServer:
    """Serve in a thread. `take` writes down what Alertmanager sent; returns False while it cannot."""

    class Handler(PageHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self.answer(200, CONTENT_TYPE_LATEST, generate_latest(status.registry))
            elif self.path == "/health":
                code = 200 if status.is_well() else 503
                self.answer(code, "application/json", json.dumps(status.as_dict()).encode())
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
            self.answer(code, "text/plain; charset=utf-8", f"{text}\n".encode())

    return serve_pages(host, port, Handler)
