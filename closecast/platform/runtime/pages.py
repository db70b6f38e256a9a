"""A small HTTP server for the pages of background services, which ignores clients that disconnect or send nothing."""

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class PageServer(ThreadingHTTPServer):
    """Logs nothing about connections that the client closed, as Nomad's checks do after their timeout on a busy machine."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class PageHandler(BaseHTTPRequestHandler):
    """Answers one request of a connection."""

    timeout = 10.0  # seconds, of each read: who sends nothing holds no thread for long

    def answer(self, status: int, media_type: str, payload: bytes) -> None:
        """Send the answer, and end the connection: a body that was not read would be taken for the next request."""
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(payload)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: Nomad's check runs every few seconds."""


def serve_pages(host: str, port: int, handler: type[PageHandler]) -> PageServer:
    """Serve in a thread until the server is shut down. Raises OSError where the port is taken."""
    server = PageServer((host, port), handler)
    threading.Thread(target=server.serve_forever, name="pages", daemon=True).start()
    return server
