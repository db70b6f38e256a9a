"""HTTP endpoints for the health of the buckets, and for copying everything to disk now."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from closecast.platform.runtime.pages import PageHandler, PageServer, serve_pages

READY = "ready"


@dataclass
class State:
    """The companion's state; written by its loop, read by the health endpoint."""

    state: str = "waiting"
    reason: str = "LocalStack does not answer yet"
    session: str | None = None
    objects: int = 0
    mirrored_at: str | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    def is_ready(self) -> bool:
        return self.state == READY


def serve(host: str, port: int, state: State, flush: Callable[[], str | None]) -> PageServer:
    """Answer GET /health (200 when ready, else 503) and POST /flush (200 when copied, else 503) on a thread of its own.

    `flush` returns once everything is on disk, or says why it is not.
    """

    class Handler(PageHandler):
        def do_GET(self) -> None:
            if self.path != "/health":
                return self._say(404, {"error": "only GET /health and POST /flush are here"})
            return self._say(200 if state.is_ready() else 503, asdict(state))

        def do_POST(self) -> None:
            if self.path != "/flush":
                return self._say(404, {"error": "only GET /health and POST /flush are here"})
            problem = flush()
            return self._say(503 if problem else 200, {"error": problem} if problem else asdict(state))

        def _say(self, status: int, body: dict[str, object]) -> None:
            self.answer(status, "application/json", json.dumps(body).encode())

    return serve_pages(host, port, Handler)
