"""The fast path: answer a plain single prediction before the framework, and leave all other requests to the framework.

Both use the same Predictor, so they answer alike. Special cases (a caller without the role, an unreadable body, an
as-of date whose tables are not made yet) go to the framework's route, which answers the error or takes the time it
needs.
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
from services.api.transport.response import response

LONGEST = 64_000  # bytes; one deal takes some 300
_JSON = b"application/json"
_PROBLEM = MEDIA_TYPE.encode()
# Errors before anything is recorded: the framework's route meets them too, and answers them.
_EXPECTED = (CallerError, NotScorableError, UnavailableError, JournalFullError)


class RequestHead:
    """The parts of a request's head that the fast path needs, cached, because callers repeat heads on a connection."""

    __slots__ = ("authorization", "keeps", "key", "length", "named", "request_id", "secure")

    def __init__(self, named: Mapping[bytes, bytes], keeps: bool) -> None:
        given = named.get
        self.named = named
        self.keeps = keeps  # keep-alive
        self.key, self.authorization = given(b"x-api-key"), given(b"authorization")
        self.request_id = given(b"x-request-id")
        self.secure = given(b"x-forwarded-proto") == b"https"
        self.length = int(named[b"content-length"]) if b"content-length" in named else -1

    @classmethod
    def of(cls, headers: Sequence[tuple[bytes, bytes]], *, keeps: bool) -> "RequestHead | None":
        """Read a head; None for special cases: another media type, a content coding, or a repeated header."""
        named = dict(headers)
        is_plain = (
            len(named) == len(headers) and named.get(b"content-type") == _JSON and b"content-encoding" not in named
        )
        return cls(named, keeps) if is_plain else None


class FastPath:
    """Answers requests of `POST /v1/predictions` from head and body."""

    def __init__(self, predictor: Predictor, admission: FastAdmission, metrics: Metrics, tracer: Tracer | None) -> None:
        self._predict = predictor.predict_at_once
        self._enter = admission
        self._observe = {status: metrics.requests.of(PREDICTIONS, "POST", str(status)).observe for status in (200, 500)}
        self.decline = metrics.slow_lane.inc
        self._tracer = tracer
        self._decode = StrictDecoder(PredictionRequest).decode
        self._encode = msgspec.json.Encoder().encode

    def answer(self, head: RequestHead, body: bytes, server_lines: bytes, state: dict[str, Any]) -> bytes | None:
        """The complete HTTP answer, with `server_lines` among its headers; None for requests that the framework must handle.

        An admitted caller has been charged, and is put into `state` for the framework. An internal error is logged and
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
        except Exception as error:  # noqa: BLE001 - an internal error, which is logged
            request_id = state.setdefault("request_id", sound_id(head.request_id).decode())
            log_failure(request_id, error)
            problem = msgspec.structs.replace(failure(), instance=PREDICTIONS, request_id=request_id)
            status, media_type, content = 500, _PROBLEM, self._encode(problem)
        seconds = time.perf_counter() - begin
        self._observe[status](seconds)
        if self._tracer is not None:
            self._tracer.answered(head.named, PREDICTIONS, state["request_id"], seconds, status)
        limit = state.get("rate_limit")
        return response(
            status,
            media_type,
            content,
            state["request_id"].encode(),
            keeps=head.keeps,
            is_secure=head.secure,
            server_lines=server_lines,
            limit_lines=b"" if limit is None else limit.allowed_lines(),
        )

    def _predicted(self, head: RequestHead, body: bytes, state: dict[str, Any]) -> Prediction | None:
        """The recorded prediction; None for callers and requests that the framework must handle."""
        entered = self._enter(head.key, head.authorization)
        if entered is None:
            return None
        caller, decision = state["caller"], state["rate_limit"] = entered
        if not decision.allowed:
            return None
        state["request_id"] = name = sound_id(head.request_id).decode()
        return self._predict(self._decode(body), caller.id, name)
