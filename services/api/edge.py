"""The outermost layer: gives every request an id, which its answer and its log line carry, times it and counts it."""

import random
import re
import time
from collections.abc import Iterable
from typing import Any

from litestar.types import ASGIApp, Message, Receive, Send

from services.api.logs import log
from services.api.metrics import Metrics

_SOUND = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_PROBES = ("/health/live", "/health/ready", "/metrics")
PREDICTIONS = "/v1/predictions"
Headers = Iterable[tuple[bytes, bytes]]


class Edge:
    """Wraps the framework's application. The caller's X-Request-ID is kept if it is sound, so that one id follows a request
    through all services. A single prediction that succeeded has no log line: it is in the journal, under its id."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._requests = metrics.requests

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
        self._requests.of(state["route"], method, str(status)).observe(seconds)
        # Nomad asks every five seconds: an unhealthy answer is news, a healthy one is not.
        if status < 400 and (path in _PROBES or path == PREDICTIONS):
            return
        log("request", request_id=state["request_id"], method=method, path=path, status=status,
            milliseconds=round(seconds * 1000, 2))  # fmt: skip


def request_id_of(headers: Headers) -> bytes:
    """The caller's X-Request-ID if it is sound, else a new one."""
    return sound_id(next((value for name, value in headers if name == b"x-request-id"), None))


def sound_id(given: bytes | None) -> bytes:
    """`given` as the id of a request if it can be one, else a new one."""
    if given is not None and _SOUND.fullmatch(given):
        return given
    return b"%032x" % random.getrandbits(128)
