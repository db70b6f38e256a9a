"""Turn every failure into a problem document (RFC 9457) with the field, the value and what was expected."""

import logging
import re
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.status_codes import HTTP_422_UNPROCESSABLE_ENTITY, HTTP_500_INTERNAL_SERVER_ERROR

from closecast.platform.callers.keys import DatabaseAwayError, KeyEndedError, NoSuchKeyError
from closecast.platform.journal.inbox import JournalFullError
from closecast.platform.mlflow.registry import RegistryError
from closecast.platform.mlflow.rollback import ChangedError, NoTargetError, RefusedError
from closecast.scoring.rules import NotScorableError

_LOG = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_TOO_LARGE = "the body is larger than 10 MB; send the deals in several requests"  # the gateway answers the same text
CALLER_LEFT = "the caller left before all was here"
_GONE = "client disconnected prematurely"  # Litestar's text for it, with status 500
_RETRY = {"Retry-After": "2"}  # seconds, for unavailable services
_LONGEST_VALUE = 100  # characters of a refused value in the answer


class FieldError(msgspec.Struct, frozen=True, omit_defaults=True):
    """The error of one field of the request."""

    field: str
    detail: str
    value: Any = None
    expected: str | None = None


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """An RFC 9457 problem document; `errors` is Closecast's extension of it."""

    title: str
    status: int
    detail: str
    type: str = "about:blank"
    instance: str | None = None
    request_id: str | None = None
    errors: list[FieldError] | None = None


class InvalidInputError(NotScorableError):
    """An invalid request beyond the scoring rules: its table, its query or its outcomes."""


class NotUnderstoodError(InvalidInputError):
    """A malformed request."""


class ProblemError(RuntimeError):
    """A `problem` that another process found."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


class UnavailableError(RuntimeError):
    """Something that this answer needs is unavailable; the message says what, and what to do."""


def shortened(value: Any) -> Any:
    """The value for an answer, with a long text cut."""
    if isinstance(value, str) and len(value) > _LONGEST_VALUE:
        return f"{value[:_LONGEST_VALUE]}… ({len(value)} characters)"
    if isinstance(value, int) and abs(value) >= 2**63:
        return shortened(str(value))  # too large to encode as a number
    return value if value is None or isinstance(value, str | int | float | bool) else str(type(value).__name__)


def field_error(error: NotScorableError) -> FieldError:
    """The field error of `error`, with its value shortened."""
    return FieldError(error.field, str(error), shortened(error.value), error.expected)


def of_invalid(error: NotScorableError, status: int = HTTP_422_UNPROCESSABLE_ENTITY) -> Problem:
    """The problem of a deal that cannot be scored."""
    return Problem("The input cannot be scored", status, str(error), errors=[field_error(error)])


def of_request(problem: Problem, scope: Any) -> Problem:
    """Add the path and the id of the request; not its URL, because the Host is untrusted."""
    return msgspec.structs.replace(problem, instance=scope["path"], request_id=scope.get("state", {}).get("request_id"))


def failure() -> Problem:
    """The problem of an internal error, which refers to the request's id."""
    detail = "the service failed on this request; its log has the reason under the request id"
    return Problem("Internal server error", HTTP_500_INTERNAL_SERVER_ERROR, detail)


def log_failure(request_id: str | None, error: BaseException) -> None:
    """Log an internal error with its traceback."""
    facts = {"request_id": request_id, "error": f"{type(error).__name__}: {error}"}
    _LOG.error("failure", extra=facts, exc_info=error)


def response(request: Request[Any, Any, Any], problem: Problem, headers: dict[str, str] | None = None) -> Response[Any]:
    """Answer this request with the problem."""
    content = msgspec.json.encode(of_request(problem, request.scope))
    return Response(content, status_code=problem.status, media_type=MEDIA_TYPE, headers=headers)


def on_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """Answer Litestar's own errors: no such route, wrong method, body too large, no key, unreadable JSON."""
    if error.detail == _GONE:
        # Nobody reads this answer, but it must not count as a failure of the service.
        return response(request, Problem("Bad Request", HTTPStatus.BAD_REQUEST, CALLER_LEFT))
    title = HTTPStatus(error.status_code).phrase
    detail = error.detail or title
    if error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        detail = _TOO_LARGE
    errors = None
    if isinstance(error, ValidationException):
        title = "The request is not understood"
        errors = _fields(request, error)
        detail = "; ".join(f"{one.field}: {one.detail}" for one in errors) or re.sub(
            r"^Validation failed.*?: ?", "", detail
        )
    return response(request, Problem(title, error.status_code, detail, errors=errors), dict(error.headers or {}))


def on_invalid(request: Request[Any, Any, Any], error: NotScorableError) -> Response[Any]:
    return response(request, of_invalid(error))


def on_not_understood(request: Request[Any, Any, Any], error: NotUnderstoodError) -> Response[Any]:
    detail = f"{error.field}: {error}"
    problem = Problem("The request is not understood", HTTPStatus.BAD_REQUEST, detail, errors=[field_error(error)])
    return response(request, problem)


def on_problem(request: Request[Any, Any, Any], error: ProblemError) -> Response[Any]:
    is_away = error.problem.status == HTTPStatus.SERVICE_UNAVAILABLE
    return response(request, error.problem, _RETRY if is_away else None)


def on_unavailable(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    problem = Problem("The service cannot answer this now", HTTPStatus.SERVICE_UNAVAILABLE, str(error))
    return response(request, problem, _RETRY)


def on_no_key(request: Request[Any, Any, Any], error: NoSuchKeyError) -> Response[Any]:
    return response(request, Problem("There is no such key", HTTPStatus.NOT_FOUND, str(error)))


def on_ended_key(request: Request[Any, Any, Any], error: KeyEndedError) -> Response[Any]:
    return response(request, Problem("The key has ended", HTTPStatus.CONFLICT, str(error)))


def on_no_target(request: Request[Any, Any, Any], error: NoTargetError) -> Response[Any]:
    return response(request, Problem("There is no such version", HTTPStatus.NOT_FOUND, str(error)))


def on_changed(request: Request[Any, Any, Any], error: ChangedError) -> Response[Any]:
    return response(request, Problem("The champion is another one", HTTPStatus.PRECONDITION_FAILED, str(error)))


def on_refused(request: Request[Any, Any, Any], error: RefusedError) -> Response[Any]:
    """Answer a refused rollback, each objection as an error of the field `version`."""
    errors = [FieldError("version", str(one), error.target.version, one.remedy) for one in error.objections]
    return response(
        request, Problem("The version is not made champion", HTTPStatus.CONFLICT, str(error), errors=errors)
    )


def on_failure(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Answer an internal error."""
    log_failure(request.scope.get("state", {}).get("request_id"), error)
    return response(request, failure())


def _fields(request: Request[Any, Any, Any], error: ValidationException) -> list[FieldError]:
    extra = error.extra if isinstance(error.extra, list) else []
    found = []
    for one in extra:
        key, message = str(one.get("key", "")), str(one.get("message", ""))
        if key == "data":  # Litestar's name for the body as a whole
            key = ""
        value = request.query_params.get(key) if one.get("source") == "query" else None
        found.append(FieldError(key or "body", message, shortened(value)))
    return found


HANDLERS: dict[Any, Any] = {
    HTTPException: on_http,
    NotScorableError: on_invalid,
    NotUnderstoodError: on_not_understood,
    ProblemError: on_problem,
    UnavailableError: on_unavailable,
    JournalFullError: on_unavailable,
    DatabaseAwayError: on_unavailable,
    NoSuchKeyError: on_no_key,
    KeyEndedError: on_ended_key,
    NoTargetError: on_no_target,
    ChangedError: on_changed,
    RefusedError: on_refused,
    RegistryError: on_unavailable,
    Exception: on_failure,
}
