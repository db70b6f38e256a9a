"""HTTP: GET /health and /metrics for Nomad and Prometheus, and POST /v1/alertmanager for Alertmanager."""

import hmac
from collections.abc import Callable

from closecast.platform.alerts.alertmanager import Received, ReceivedError, received
from closecast.platform.runtime.health import HealthHandler
from closecast.platform.runtime.pages import PageServer, serve_pages
from services.alerts.status import AlertsStatus

RECEIVER = "/v1/alertmanager"
_MOST_BYTES = 2**20


def serve(
    host: str, port: int, service_status: AlertsStatus, token: str, take: Callable[[Received], bool]
) -> PageServer:
    """Serve in a thread. `take` writes down what Alertmanager sent; returns False while it cannot."""

    class Handler(HealthHandler):
        status = service_status
        pages = f"GET /health, GET /metrics and POST {RECEIVER}"

        def do_POST(self) -> None:
            if self.path != RECEIVER:
                self.absent()
                return
            given = self.headers.get("Authorization") or ""
            if not hmac.compare_digest(given.encode("utf-8", "replace"), f"Bearer {token}".encode()):
                self.say(401, "Alertmanager's token is missing or wrong")
                return
            length = self.headers.get("Content-Length") or ""
            if not (length.isascii() and length.isdecimal() and len(length) < 9) or int(length) > _MOST_BYTES:
                self.say(413 if length else 411, f"expected a Content-Length of at most {_MOST_BYTES}")
                return
            try:
                sent = received(self.rfile.read(int(length)))
            except ReceivedError as error:
                self.say(400, f"this is no message of Alertmanager's: {error}")
                return
            if take(sent):
                self.say(200, "taken")
            else:
                self.say(503, "the database does not answer: send it again")

    return serve_pages(host, port, Handler)
