"""Answers of the protocol itself, before the application: formatted, counted and logged like all others."""

import logging
from collections.abc import Sequence

import msgspec

from services.api.middleware.request_log import request_id_of
from services.api.middleware.security_headers import is_secure
from services.api.problems import MEDIA_TYPE, Problem
from services.api.telemetry.metrics import Metrics
from services.api.transport.request_head import shown
from services.api.transport.response import response

_LOG = logging.getLogger(__name__)

_NONE = "unknown"  # when the request did not get that far


class Refusals:
    """Makes complete answers that end their connection."""

    def __init__(self, metrics: Metrics) -> None:
        self._requests = metrics.requests

    def answer(
        self, problem: Problem, url: bytes, headers: Sequence[tuple[bytes, bytes]], request_id: str, server_lines: bytes
    ) -> bytes:
        """The complete HTTP answer to a request of which `url` and `headers` have arrived."""
        path = shown(url.partition(b"?")[0])
        complete = msgspec.structs.replace(problem, instance=path or None, request_id=request_id)
        content = msgspec.json.encode(complete)
        return response(
            problem.status,
            MEDIA_TYPE.encode(),
            content,
            request_id.encode(),
            keeps=False,
            is_secure=is_secure(headers),
            server_lines=server_lines,
        )

    def log(self, problem: Problem, method: str, url: bytes, request_id: str, seconds: float) -> None:
        """Count and log a refusal that the application did not see."""
        self._requests.of(_NONE, method or _NONE, str(problem.status)).observe(seconds)
        _LOG.info(
            "request",
            extra={
                "request_id": request_id,
                "method": method or _NONE,
                "path": shown(url.partition(b"?")[0]) or _NONE,
                "status": problem.status,
                "detail": problem.detail,
                "milliseconds": round(seconds * 1000, 2),
            },
        )


def new_id(headers: Sequence[tuple[bytes, bytes]]) -> str:
    """The id of a request with these headers."""
    return request_id_of(headers).decode()
