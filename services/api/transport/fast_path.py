"""The fast path: answers a plain single prediction before the framework sees it, and leaves all else to the framework.

Both are answered by the same Predictor, so they answer alike. Whatever is out of the ordinary (a caller who may not, a body
that cannot be read, an as-of date whose tables are not made yet) goes to the framework's route with its body, which words
the refusal or takes the time it needs.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from closecast.platform.callers.caller import CallerError
from closecast.platform.journal.inbox import JournalFullError
from closecast.scoring.rules import NotScorableError
from services.api.access.admission import FastAdmission
from services.api.middleware.request_log import PREDICTIONS, sound_id
from services.api.problems import MEDIA_TYPE, UnavailableError, failure, log_failure
from services.api.schemas.predictions import Prediction, PredictionRequest
from services.api.schemas.strict_json import StrictDecoder
from services.api.serving.predictor import Predictor
from services.api.telemetry.metrics import Metrics
from services.api.telemetry.traces import Tracer
from services.api.transport.response_head import response_head

LONGEST = 64_000  # bytes; one deal takes some 300
_JSON = b"application/json"
_PROBLEM = MEDIA_TYPE.encode()
# What the framework's route meets too, before anything is recorded, and words for the caller.
_EXPECTED = (CallerError, NotScorableError, UnavailableError, JournalFullError)


class RequestHead:
    """What the fast path needs to know of a request's head, found once; callers that keep a connection send it again and again."""

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
    def of(cls, headers: Sequence[tuple[bytes, bytes]], *, keeps: bool) -> "RequestHead | None":
        """None for one that is out of the ordinary: another media type, a coding, or a header that comes twice."""
        named = dict(headers)
        is_plain = (
            len(named) == len(headers) and named.get(b"content-type") == _JSON and b"content-encoding" not in named
        )
        return cls(named, keeps) if is_plain else None


class FastPath:
    """Makes whole answers out of the heads and bodies of `POST /v1/predictions`."""

    def __init__(self, predictor: Predictor, admission: FastAdmission, metrics: Metrics, tracer: Tracer | None) -> None:
        self._predict = predictor.predict_at_once
        self._enter = admission
        self._observe = {status: metrics.requests.of(PREDICTIONS, "POST", str(status)).observe for status in (200, 500)}
        self.decline = metrics.slow_lane.inc
        self._tracer = tracer
        self._decode = StrictDecoder(PredictionRequest).decode
        self._encode = msgspec.json.Encoder().encode

    def answer(self, head: RequestHead, body: bytes, server_lines: bytes, state: dict[str, Any]) -> bytes | None:
        """The answer as it goes over the wire, `server_lines` among its headers; None for what the framework shall see.

        A caller who was let in has paid, and is put into `state` for the framework. A failure of our own is logged and
        answered here: it may have come after the prediction was recorded, and the framework would record it again.
        """
        begin = time.perf_counter()
        try:
            prediction = self._predicted(head, body, state)
            if prediction is None:
                self.decline()
                return None
            status, media_type, content = 200, _JSON, self._encode(prediction)
        except _EXPECTED:
            self.decline()
            return None
        except Exception as error:  # noqa: BLE001 - a fault of ours, told in the log
            request_id = state.setdefault("request_id", sound_id(head.request_id).decode())
            log_failure(request_id, error)
            problem = msgspec.structs.replace(failure(), instance=PREDICTIONS, request_id=request_id)
            status, media_type, content = 500, _PROBLEM, self._encode(problem)
        seconds = time.perf_counter() - begin
        self._observe[status](seconds)
        if self._tracer is not None:
            self._tracer.answered(head.named, PREDICTIONS, state["request_id"], seconds, status)
        limit = state.get("rate_limit")
        return (
            response_head(
                status,
                media_type,
                len(content),
                state["request_id"].encode(),
                keeps=head.keeps,
                is_secure=head.secure,
                server_lines=server_lines,
                limit_lines=b"" if limit is None else limit.allowed_lines(),
            )
            + content
        )

    def _predicted(self, head: RequestHead, body: bytes, state: dict[str, Any]) -> Prediction | None:
        """The answer, recorded; None for a caller or a question that the framework shall see. Raises as what it calls."""
        entered = self._enter(head.key, head.authorization)
        if entered is None:
            return None
        caller, decision = state["caller"], state["rate_limit"] = entered
        if not decision.allowed:
            return None
        state["request_id"] = name = sound_id(head.request_id).decode()
        return self._predict(self._decode(body), caller.id, name)
