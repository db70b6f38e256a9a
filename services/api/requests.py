"""Gives every request an id, which its answer and its log line carry, and writes that line."""

import re
import time
import uuid
from typing import cast

from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from services.api.logs import log

_SOUND = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_PROBES = ("/health/live", "/health/ready")


class RequestLog(ASGIMiddleware):
    """The caller's X-Request-ID is kept if it is sound, so that one id follows a request through all services."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        given = MutableScopeHeaders(scope).get("X-Request-ID", "")
        request_id = given if _SOUND.fullmatch(given) else uuid.uuid4().hex
        scope["state"]["request_id"] = request_id
        begin = time.perf_counter()
        status = 500

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableScopeHeaders.from_message(message)["X-Request-ID"] = request_id
            await send(message)

        try:
            await next_app(scope, receive, answer)
        finally:
            # Nomad asks every five seconds: an unhealthy answer is news, a healthy one is not.
            if scope["path"] not in _PROBES or status >= 400:
                log("request", request_id=request_id, method=cast(HTTPScope, scope)["method"], path=scope["path"], status=status,
                    milliseconds=round((time.perf_counter() - begin) * 1000, 2))  # fmt: skip
