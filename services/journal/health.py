"""HTTP endpoints of the journal: GET /health for Nomad and people, GET /metrics for Prometheus."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from closecast.platform.runtime.pages import PageServer
from services.journal.status import JournalStatus


def serve(host: str, port: int, journal_status: JournalStatus) -> ThreadingHTTPServer:
    """Serve in a thread: /health answers 200 while all parts can be used, else 503 and the reasons."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, generate_latest(journal_status.registry))
            elif self.path == "/health":
                status = 200 if journal_status.is_well() else 503
                self._answer(status, "application/json", json.dumps(journal_status.as_dict()).encode())
            else:
                self._answer(404, "text/plain", b"only GET /health and GET /metrics are here\n")

        def _answer(self, status: int, media_type: str, payload: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing: Nomad's check runs every five seconds."""

    server = PageServer((host, port), Handler)
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server
