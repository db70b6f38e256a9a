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


class Meter:
    """Counts and times requests by route, method and status."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._known: dict[tuple[str, str, int], tuple[Any, Any]] = {}

    def record(self, route: str, method: str, status: int, seconds: float) -> None:
        """One request that was answered."""
        meters = self._known.get((route, method, status))
        if meters is None:
            meters = self._known[route, method, status] = (
                self._metrics.requests.labels(route, method, str(status)).inc,
                self._metrics.seconds.labels(route).observe,
            )
        count, observe = meters
        count()
        observe(seconds)


class Edge:
    """Wraps the framework's application. The caller's X-Request-ID is kept if it is sound, so that one id follows a request
    through all services. A single prediction that succeeded has no log line: it is in the journal, under its id."""

    def __init__(self, app: ASGIApp, meter: Meter) -> None:
        self._app = app
        self._meter = meter

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin = time.perf_counter()
        request_id = request_id_of(scope["headers"])
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
        path, method, state = scope["path"], scope["method"], scope["state"]
        # The route's template, so that a path with an id in it does not make a meter of its own.
        state["route"] = scope.get("path_template") or "unknown"
        self._meter.record(state["route"], method, status, seconds)
        # Nomad asks every five seconds: an unhealthy answer is news, a healthy one is not.
        if status < 400 and (path in _PROBES or path == PREDICTIONS):
            return
        log("request", request_id=state["request_id"], method=method, path=path, status=status,
            milliseconds=round(seconds * 1000, 2))  # fmt: skip


def request_id_of(headers: Any) -> bytes:
    """The caller's X-Request-ID if it is sound, else a new one."""
    for name, value in headers:
        if name == b"x-request-id":
            return bytes(value) if _SOUND.fullmatch(value) else _new_id()
    return _new_id()


def _new_id() -> bytes:
    return b"%032x" % random.getrandbits(128)
