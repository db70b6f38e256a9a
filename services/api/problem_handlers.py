"""Turn every failure into a problem document."""

import math
import re
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from closecast.platform.callers.acts import DatabaseAwayError
from closecast.platform.callers.keys import KeyEndedError, NoSuchKeyError
from closecast.platform.callers.sessions import SignInLockedError, SignInRefusedError
from closecast.platform.callers.users import NoSuchUserError, ProviderUserError, UserExistsError
from closecast.platform.journal.inbox import JournalFullError
from closecast.platform.mlflow.registry import RegistryError
from closecast.platform.mlflow.rollback import ChangedError, NoTargetError, RefusedError
from closecast.scoring.rules import NotScorableError
from services.api.access.admission import REALM
from services.api.problems import (
    CALLER_LEFT,
    MEDIA_TYPE,
    FieldError,
    NotUnderstoodError,
    Problem,
    ProblemError,
    UnavailableError,
    failure,
    field_error,
    log_failure,
    of_invalid,
    of_request,
    shortened,
)
from services.api.serving.deals import NoSuchDealError

_TOO_LARGE = "the body is larger than 10 MB; send the deals in several requests"  # the gateway answers the same text
_GONE = "client disconnected prematurely"  # Litestar's text for it, with status 500
_RETRY = {"Retry-After": "2"}  # seconds, for unavailable services


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


def on_no_deal(request: Request[Any, Any, Any], error: NoSuchDealError) -> Response[Any]:
    return response(request, Problem("There is no such deal", HTTPStatus.NOT_FOUND, str(error)))


def on_no_key(request: Request[Any, Any, Any], error: NoSuchKeyError) -> Response[Any]:
    return response(request, Problem("There is no such key", HTTPStatus.NOT_FOUND, str(error)))


def on_ended_key(request: Request[Any, Any, Any], error: KeyEndedError) -> Response[Any]:
    return response(request, Problem("The key has ended", HTTPStatus.CONFLICT, str(error)))


def on_no_user(request: Request[Any, Any, Any], error: NoSuchUserError) -> Response[Any]:
    return response(request, Problem("There is no such user", HTTPStatus.NOT_FOUND, str(error)))


def on_known_user(request: Request[Any, Any, Any], error: UserExistsError) -> Response[Any]:
    return response(request, Problem("There is such a user already", HTTPStatus.CONFLICT, str(error)))


def on_provider_user(request: Request[Any, Any, Any], error: ProviderUserError) -> Response[Any]:
    return response(request, Problem("The provider keeps this", HTTPStatus.CONFLICT, str(error)))


def on_refused_sign_in(request: Request[Any, Any, Any], error: SignInRefusedError) -> Response[Any]:
    problem = Problem("Unauthorized", HTTPStatus.UNAUTHORIZED, str(error))
    return response(request, problem, {"WWW-Authenticate": REALM})


def on_locked_sign_in(request: Request[Any, Any, Any], error: SignInLockedError) -> Response[Any]:
    seconds = max(1, math.ceil((error.until - datetime.now(UTC)).total_seconds()))
    problem = Problem("Too Many Requests", HTTPStatus.TOO_MANY_REQUESTS, str(error))
    return response(request, problem, {"Retry-After": str(seconds)})


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
    NoSuchDealError: on_no_deal,
    NoSuchKeyError: on_no_key,
    KeyEndedError: on_ended_key,
    NoSuchUserError: on_no_user,
    UserExistsError: on_known_user,
    ProviderUserError: on_provider_user,
    SignInRefusedError: on_refused_sign_in,
    SignInLockedError: on_locked_sign_in,
    NoTargetError: on_no_target,
    ChangedError: on_changed,
    RefusedError: on_refused,
    RegistryError: on_unavailable,
    Exception: on_failure,
}
