"""The fast lane: answers a plain single prediction before the framework sees it, and leaves all else to the framework.

Both are answered by the same Predictor, so they answer alike. Whatever is out of the ordinary (a caller who may not, a body
that cannot be read, an as-of date whose tables are not made yet) goes to the framework's route with its body, which words
the refusal or takes the time it needs.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from services.api.access.admission import Entrance
from services.api.middleware.request_log import PREDICTIONS, sound_id
from services.api.schemas.predictions import PredictionRequest
from services.api.schemas.strict_json import StrictDecoder
from services.api.serving.predictor import Predictor
from services.api.telemetry.metrics import Metrics
from services.api.telemetry.traces import Tracer
from services.api.transport.response_head import CLOSE_LINE, STRICT_LINE, opening

LONGEST = 64_000  # bytes; one deal takes some 300
_JSON = b"application/json"
_OPENING = opening(_JSON)


class Head:
    """What the fast lane needs to know of a request's head, found once; callers that keep a connection send it again and again."""

    __slots__ = ("authorization", "keeps", "key", "length", "named", "request_id", "secure")

    def __init__(self, named: Mapping[bytes, bytes], keeps: bool) -> None:
        given = named.get
        self.named = named
        self.keeps = keeps  # the connection outlives the request
        self.key, self.authorization = given(b"x-api-key"), given(b"authorization")
        self.request_id = given(b"x-request-id")
        self.secure = given(b"x-forwarded-proto") == b"https"
        self.length = int(named[b"content-length"]) if b"content-length" in named else -1

    @classmethod
    def of(cls, headers: Sequence[tuple[bytes, bytes]], *, keeps: bool) -> "Head | None":
        """None for one that is out of the ordinary: another media type, a coding, or a header that comes twice."""
        named = dict(headers)
        is_plain = (
            len(named) == len(headers) and named.get(b"content-type") == _JSON and b"content-encoding" not in named
        )
        return cls(named, keeps) if is_plain else None


class FastLane:
    """Makes whole answers out of the heads and bodies of `POST /v1/predictions`."""

    def __init__(self, predictor: Predictor, entrance: Entrance, metrics: Metrics, tracer: Tracer | None) -> None:
        self._predict = predictor.predict_at_once
        self._enter = entrance
        self._observe = metrics.requests.of(PREDICTIONS, "POST", "200").observe
        self.decline = metrics.slow_lane.inc
        self._tracer = tracer
        self._decode = StrictDecoder(PredictionRequest).decode
        self._encode = msgspec.json.Encoder().encode

    def answer(self, head: Head, body: bytes, server_lines: bytes, state: dict[str, Any]) -> bytes | None:
        """The answer as it goes over the wire, `server_lines` among its headers; None for what the framework shall see.

        A caller who was let in has paid, and is put into `state` for the framework.
        """
        begin = time.perf_counter()
        answered = self._answered(head, body, server_lines, state)
        if answered is None:
            self.decline()
            return None
        seconds = time.perf_counter() - begin
        self._observe(seconds)
        if self._tracer is not None:
            self._tracer.answered(head.named, PREDICTIONS, state["request_id"], seconds)
        return answered

    def _answered(self, head: Head, body: bytes, server_lines: bytes, state: dict[str, Any]) -> bytes | None:
        try:
            entered = self._enter(head.key, head.authorization)
            if entered is None:
                return None
            caller, decision = state["caller"], state["rate_limit"] = entered
            if not decision.allowed:
                return None
            request_id = sound_id(head.request_id)
            state["request_id"] = name = request_id.decode()
            prediction = self._predict(self._decode(body), caller.id, name)
        except Exception:  # noqa: BLE001 - the framework's route meets the same, and words it for the caller and the log
            return None
        if prediction is None:
            return None
        content = self._encode(prediction)
        return b"%b%b%b%b%bx-request-id: %b\r\ncontent-length: %d\r\n\r\n%b" % (
            _OPENING,
            server_lines,
            b"" if head.keeps else CLOSE_LINE,
            STRICT_LINE if head.secure else b"",
            decision.allowed_lines(),
            request_id,
            len(content),
            content,
        )
