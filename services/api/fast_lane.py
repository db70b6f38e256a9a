"""The fast lane: answers a plain single prediction before the framework sees it, and leaves all else to the framework.

Both are answered by the same Predictor, so they answer alike. Whatever is out of the ordinary (a caller who may not, a body
that cannot be read, an as-of date whose tables are not made yet) goes to the framework's route with its body, which words
the refusal or takes the time it needs.
"""

from typing import Any

import msgspec
from litestar.types import ASGIApp, Receive, Send

from services.api.admission import Entrance
from services.api.edge import PREDICTIONS
from services.api.metrics import Metrics
from services.api.predictor import Predictor
from services.api.schemas import PredictionRequest

_LONGEST = 64_000  # bytes; one deal takes some 300
_JSON = b"application/json"
_SENT_AS_JSON = (b"content-type", _JSON)


class FastLane:
    """Wraps the framework's application."""

    def __init__(self, app: ASGIApp, predictor: Predictor, entrance: Entrance, metrics: Metrics) -> None:
        self._app = app
        self._predictor = predictor
        self._enter = entrance
        self._declined = metrics.slow_lane.inc
        self._decode = msgspec.json.Decoder(PredictionRequest).decode
        self._encode = msgspec.json.Encoder().encode

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PREDICTIONS or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        message: Any = await receive()
        answer = self._answered(scope, message)
        if answer is None:
            self._declined()
            await self._app(scope, _with(message, receive), send)
            return
        length = (b"content-length", b"%d" % len(answer))
        head: Any = {"type": "http.response.start", "status": 200, "headers": [_SENT_AS_JSON, length]}
        body: Any = {"type": "http.response.body", "body": answer, "more_body": False}
        await send(head)
        await send(body)

    def _answered(self, scope: Any, message: Any) -> bytes | None:
        """The answer's body, None for what the framework shall see."""
        if message["type"] != "http.request":
            return None
        body = message["body"]
        if len(body) > _LONGEST or not _is_whole_json(scope["headers"], len(body)):
            return None
        try:
            caller = self._enter(scope)
            if caller is None:
                return None
            scope["state"]["route"] = PREDICTIONS
            prediction = self._predictor.predict(
                self._decode(body), caller.id, scope["state"]["request_id"], if_quick=True
            )
        except Exception:  # noqa: BLE001 - the framework's route meets the same, and words it for the caller and the log
            return None
        return None if prediction is None else self._encode(prediction)


def _is_whole_json(headers: Any, size: int) -> bool:
    """Whether the body is JSON by its type and `size` bytes by its length: the server says `more_body` even then."""
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
