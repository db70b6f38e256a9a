"""The fast lane: answers a plain single prediction before the framework sees it, and leaves all else to the framework.

Both are answered by the same Predictor, so they answer alike. Whatever is out of the ordinary (a caller who may not, a body
that cannot be read, an as-of date whose tables are not made yet) goes to the framework's route with its body, which words
the refusal or takes the time it needs.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from services.api.admission import Entrance
from services.api.edge import PREDICTIONS, sound_id
from services.api.metrics import Metrics
from services.api.predictor import Predictor
from services.api.schemas import PredictionRequest
from services.api.security_headers import ANSWER_HEADERS, STRICT
from services.api.traces import Tracer

LONGEST = 64_000  # bytes; one deal takes some 300
_JSON = b"application/json"


def _lines(*headers: tuple[bytes, bytes]) -> bytes:
    return b"".join(b"%s: %s\r\n" % header for header in headers)


_HEAD = b"HTTP/1.1 200 OK\r\n" + _lines((b"content-type", _JSON), *ANSWER_HEADERS)
_STRICT = _lines(STRICT)


class FastLane:
    """Makes whole answers out of the heads and bodies of `POST /v1/predictions`."""

    def __init__(self, predictor: Predictor, entrance: Entrance, metrics: Metrics, tracer: Tracer | None) -> None:
        self._predict = predictor.predict_at_once
        self._enter = entrance
        self._observe = metrics.requests.of(PREDICTIONS, "POST", "200").observe
        self.decline = metrics.slow_lane.inc
        self._tracer = tracer
        self._decode = msgspec.json.Decoder(PredictionRequest).decode
        self._encode = msgspec.json.Encoder().encode

    def answer(
        self, headers: Sequence[tuple[bytes, bytes]], body: bytes, server_lines: bytes, state: dict[str, Any]
    ) -> bytes | None:
        """The answer as it goes over the wire, `server_lines` among its headers; None for what the framework shall see.

        A caller who was let in has paid, and is put into `state` for the framework.
        """
        begin = time.perf_counter()
        named = dict(headers)
        # A header that comes twice is out of the ordinary, whatever it means.
        answered = None if len(named) != len(headers) else self._answered(named, body, server_lines, state)
        if answered is None:
            self.decline()
            return None
        seconds = time.perf_counter() - begin
        self._observe(seconds)
        if self._tracer is not None:
            self._tracer.answered(named, PREDICTIONS, state["request_id"], seconds)
        return answered

    def _answered(
        self, named: Mapping[bytes, bytes], body: bytes, server_lines: bytes, state: dict[str, Any]
    ) -> bytes | None:
        given = named.get
        if given(b"content-type") != _JSON:
            return None
        try:
            entered = self._enter(given(b"x-api-key"), given(b"authorization"))
            if entered is None:
                return None
            caller, decision = entered
            state["caller"], state["rate_limit"] = entered
            request_id = sound_id(given(b"x-request-id"))
            state["request_id"] = name = request_id.decode()
            prediction = self._predict(self._decode(body), caller.id, name)
        except Exception:  # noqa: BLE001 - the framework's route meets the same, and words it for the caller and the log
            return None
        if prediction is None:
            return None
        content = self._encode(prediction)
        return b"%b%b%b%bx-request-id: %b\r\ncontent-length: %d\r\n\r\n%b" % (
            _HEAD,
            server_lines,
            decision.allowed_lines(),
            _STRICT if given(b"x-forwarded-proto") == b"https" else b"",
            request_id,
            len(content),
            content,
        )
