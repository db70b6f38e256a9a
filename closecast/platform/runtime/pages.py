"""A small HTTP server for health pages: who asks and does not wait for the answer is no error."""

import sys
from http.server import ThreadingHTTPServer
from typing import Any


class PageServer(ThreadingHTTPServer):
    """Says nothing of connections that the other side gave up, as Nomad's checks do after their timeout on a busy machine."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)
