"""Problem documents (RFC 9457), with the field, the value and what was expected, and the errors that carry them."""

import logging
from typing import Any

import msgspec
from litestar.status_codes import HTTP_422_UNPROCESSABLE_ENTITY, HTTP_500_INTERNAL_SERVER_ERROR

from closecast.scoring.rules import NotScorableError

_LOG = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
CALLER_LEFT = "the caller left before all was here"
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
