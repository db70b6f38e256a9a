"""The fast lane: answers a plain single prediction before the framework sees it, and leaves all else to the framework.

Both are answered by the same Predictor, so they answer alike. Whatever is out of the ordinary (a caller who may not, a body
that cannot be read, an as-of date whose tables are not made yet) goes to the framework's route with its body, which words
the refusal or takes the time it needs.
"""

import time
from typing import Any

import msgspec
from litestar.types import ASGIApp, Receive, Send

from services.api.admission import Entrance
from services.api.edge import PREDICTIONS, Meter, request_id_of
from services.api.metrics import Metrics
from services.api.predictor import Predictor
from services.api.schemas import PredictionRequest
from services.api.security_headers import ANSWER_HEADERS, STRICT, is_secure

_LONGEST = 64_000  # bytes; one deal takes some 300
_JSON = b"application/json"
_HEADERS = [(b"content-type", _JSON), *ANSWER_HEADERS]


class FastLane:
    """Stands before the framework's application."""

    def __init__(self, app: ASGIApp, predictor: Predictor, entrance: Entrance, meter: Meter, metrics: Metrics) -> None:
        self._app = app
        self._predict = predictor.predict
        self._enter = entrance
        self._record = meter.record
        self._declined = metrics.slow_lane.inc
        self._decode = msgspec.json.Decoder(PredictionRequest).decode
        self._encode = msgspec.json.Encoder().encode

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PREDICTIONS or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        begin = time.perf_counter()
        message: Any = await receive()
        answered = self._answered(scope, message)
        if answered is None:
            self._declined()
            await self._app(scope, _with(message, receive), send)
            return
        answer, headers = answered
        head: Any = {"type": "http.response.start", "status": 200, "headers": headers}
        body: Any = {"type": "http.response.body", "body": answer, "more_body": False}
        await send(head)
        await send(body)
        self._record(PREDICTIONS, "POST", 200, time.perf_counter() - begin)

    def _answered(self, scope: Any, message: Any) -> tuple[bytes, list[tuple[bytes, bytes]]] | None:
        """The answer's body and headers, None for what the framework shall see."""
        if message["type"] != "http.request":
            return None
        body = message["body"]
        headers = scope["headers"]
        if len(body) > _LONGEST or not _is_whole_json(headers, len(body)):
            return None
        state = scope.setdefault("state", {})
        request_id = request_id_of(headers)
        try:
            caller = self._enter(scope)
            if caller is None:
                return None
            prediction = self._predict(self._decode(body), caller.id, request_id.decode(), if_quick=True)
        except Exception:  # noqa: BLE001 - the framework's route meets the same, and words it for the caller and the log
            return None
        if prediction is None:
            return None
        state["request_id"], state["route"] = request_id.decode(), PREDICTIONS
        answer = self._encode(prediction)
        told = [
            *_HEADERS,
            (b"content-length", b"%d" % len(answer)),
            (b"x-request-id", request_id),
            *state["rate_limit"].headers(),
        ]
        if is_secure(headers):
            told.append(STRICT)
        return answer, told


def _is_whole_json(headers: Any, size: int) -> bool:
    """Whether the body is JSON by its type and `size` bytes by its length: a server may say `more_body` even then."""
    is_json = is_whole = False
    for name, value in headers:
        if name == b"content-type":
            is_json = value == _JSON
        elif name == b"content-length":
            is_whole = value == b"%d" % size
    return is_json and is_whole


def _with(message: Any, receive: Receive) -> Receive:
    """`receive`, beginning with a message that was taken from it already."""
    taken = [message]

    async def again() -> Any:
        return taken.pop() if taken else await receive()

    return again
