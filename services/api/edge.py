"""The outermost layer: gives every request an id, which its answer and its log line carry, times it and counts it."""

import random
import re
import time
from typing import Any

from litestar.types import ASGIApp, Message, Receive, Send

from services.api.logs import log
from services.api.metrics import Metrics

_SOUND = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_PROBES = ("/health/live", "/health/ready", "/metrics")
PREDICTIONS = "/v1/predictions"


class Edge:
    """Wraps the application. The caller's X-Request-ID is kept if it is sound, so that one id follows a request through
    all services. A single prediction that succeeded has no log line: it is in the journal, under its id."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics
        self._meters: dict[tuple[str, str, int], tuple[Any, Any]] = {}

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin = time.perf_counter()
        request_id = _given_id(scope["headers"]) or b"%032x" % random.getrandbits(128)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id.decode()
        status = 500

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id)]
            await send(message)

        try:
            await self._app(scope, receive, answer)
        finally:
            self._record(scope, status, time.perf_counter() - begin)

    def _record(self, scope: Any, status: int, seconds: float) -> None:
        path, method = scope["path"], scope["method"]
        state = scope["state"]
        route = state["route"] = state.get("route") or _route(scope)
        meters = self._meters.get((route, method, status))
        if meters is None:
            meters = self._meters[route, method, status] = (
                self._metrics.requests.labels(route, method, str(status)).inc,
                self._metrics.seconds.labels(route).observe,
            )
        count, observe = meters
        count()
        observe(seconds)
        # Nomad asks every five seconds: an unhealthy answer is news, a healthy one is not.
        if status < 400 and (path in _PROBES or path == PREDICTIONS):
            return
        log("request", request_id=scope["state"]["request_id"], method=method, path=path, status=status,
            milliseconds=round(seconds * 1000, 2))  # fmt: skip


def _given_id(headers: Any) -> bytes | None:
    for name, value in headers:
        if name == b"x-request-id":
            return bytes(value) if _SOUND.fullmatch(value) else None
    return None


def _route(scope: Any) -> str:
    """The route's template, so that a path with an id in it does not make a meter of its own."""
    template: str | None = scope.get("path_template")
    return template or "unknown"
