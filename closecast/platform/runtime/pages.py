"""A small HTTP server for health pages that ignores clients that disconnect."""

import sys
from http.server import ThreadingHTTPServer
from typing import Any


class PageServer(ThreadingHTTPServer):
    """Logs nothing about connections that the client closed, as Nomad's checks do after their timeout on a busy machine."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)
