"""The outermost middleware: request ids, timing, counting, logging, and an answer when the application fails."""

import logging
import random
import re
import time
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import msgspec
from litestar.types import ASGIApp, Message, Receive, Send

from closecast.platform.runtime import logs
from services.api.problems import MEDIA_TYPE, failure, log_failure, of_request
from services.api.telemetry.metrics import Metrics

_LOG = logging.getLogger(__name__)

_SOUND = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_PROBES = ("/health/live", "/health/startup", "/health/ready", "/metrics", "/sign-in/check")
PREDICTIONS = "/v1/predictions"
REFUSED = "refused"  # key in a request's state: the status that the protocol answered meanwhile
Headers = Iterable[tuple[bytes, bytes]]


class RequestLog:
    """Wraps the framework's application.

    A valid X-Request-ID of the caller is kept, so that one id follows a request through all services. A successful
    single prediction has no log line: it is in the journal, under its id.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._requests = metrics.requests

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin = time.perf_counter()
        state = scope.setdefault("state", {})
        # Keep an id that the protocol or the fast path has assigned.
        request_id = state.setdefault("request_id", request_id_of(scope["headers"]).decode()).encode()
        logs.request_id.set(state["request_id"])  # for this request's task, and threads that work for it
        status = 0  # until an answer has begun

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id)]
            await send(message)

        try:
            await self._app(scope, receive, answer)
            if not status:
                raise RuntimeError("the application ended without an answer")
        except Exception as error:
            begun, status = status, status or 500
            log_failure(state["request_id"], error)
            if begun:
                raise  # the server closes the connection: half an answer must not look complete
            await _fail(scope, answer)
        finally:
            self._record(scope, state.get(REFUSED, status or 500), time.perf_counter() - begin)

    def _record(self, scope: Any, status: int, seconds: float) -> None:
        path, method = scope["path"], scope["method"]
        self._requests.of(route_of(scope), method, str(status)).observe(seconds)
        # Nomad checks every five seconds, and the gateway asks about each file of a page: log only refusals.
        if status < 400 and (path in _PROBES or path == PREDICTIONS):
            return
        _LOG.info(
            "request",
            extra={"method": method, "path": path, "status": status, "milliseconds": round(seconds * 1000, 2)},
        )


async def _fail(scope: Any, answer: Send) -> None:
    """Answer when the framework itself, which usually handles failures, has failed."""
    content = msgspec.json.encode(of_request(failure(), scope))
    start: Message = {
        "type": "http.response.start",
        "status": HTTPStatus.INTERNAL_SERVER_ERROR,
        "headers": [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", b"%d" % len(content))],
    }
    await answer(start)
    await answer({"type": "http.response.body", "body": content, "more_body": False})


def route_of(scope: Any) -> str:
    """The route's template, so that paths with ids don't become separate metrics."""
    return scope.get("path_template") or "unknown"


def request_id_of(headers: Headers) -> bytes:
    """The caller's X-Request-ID if it is valid, else a new one."""
    return sound_id(next((value for name, value in headers if name == b"x-request-id"), None))


def sound_id(given: bytes | None) -> bytes:
    """`given` if it is a valid request id, else a new one."""
    if given is not None and _SOUND.fullmatch(given):
        return given
    return b"%032x" % random.getrandbits(128)
