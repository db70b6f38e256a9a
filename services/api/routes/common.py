"""Shared by the routes: documented problems, query parameters, and the log line of an act."""

import logging
from datetime import date
from typing import Annotated

from litestar.openapi import ResponseSpec
from litestar.params import Parameter

from closecast.deals.horizon import QUARTER_END
from closecast.platform.callers import audit
from closecast.platform.printable import printable
from services.api.problems import MEDIA_TYPE, InvalidInputError, Problem

_LOG = logging.getLogger(__name__)

_PROBLEMS = {
    400: "The request cannot be read",
    401: "Missing or unknown credentials",
    403: "The caller lacks the required role",
    413: "The body is larger than 10 MB",
    415: "The body's media type or content coding is not supported",
    422: "The input cannot be scored",
    429: "The caller's limit is used up, or too many batches are being scored; Retry-After says when to try again",
    503: "No model serves yet",
}
_ADMIN_PROBLEMS = {status: _PROBLEMS[status] for status in (400, 401, 403, 413, 415, 422, 429)} | {
    404: "There is no such key",
    409: "The key has ended",
    503: "The database does not answer",
}
_USER_PROBLEMS = _ADMIN_PROBLEMS | {
    404: "There is no such user",
    409: "There is such a user already, or the user's provider keeps this",
}
_OWN_PROBLEMS = {status: _ADMIN_PROBLEMS[status] for status in (400, 401, 403, 413, 415, 422, 429, 503)}
_PASSWORD_PROBLEMS = _OWN_PROBLEMS | {409: "The password is with the provider that signs the caller in"}
_DEAL_PROBLEMS = _PROBLEMS | {404: "The model's data have no such deal"}
_SILENCE_PROBLEMS = _ADMIN_PROBLEMS | {404: "No such silence is in force"}
_SIGN_IN_PROBLEMS = {status: _ADMIN_PROBLEMS[status] for status in (400, 413, 415, 503)} | {
    401: "The name or the password is wrong",
    429: "Too many wrong passwords for this name; Retry-After says when to try again",
}


def _documented(problems: dict[int, str]) -> dict[int, ResponseSpec]:
    return {
        status: ResponseSpec(Problem, description=description, media_type=MEDIA_TYPE, generate_examples=False)
        for status, description in problems.items()
    }


def legible(field: str, text: str) -> str:
    """`text` of `field`, which people will read. Raises InvalidInputError if it is blank or cannot be printed."""
    if not text.strip() or not text.isprintable():
        raise InvalidInputError(
            field,
            printable(text),
            "printable characters, not only blanks",
            f"the {field} is blank, or holds characters that cannot be printed",
        )
    return text


def log_act(act: str, subject: str, head: audit.Head) -> None:
    """Log an act with the audit log's head, in a log that the database's owner cannot rewrite."""
    _LOG.info("audit", extra={"act": act, "subject": subject, "seq": head.seq, "seal": head.sha256.hex()})


RESPONSES = _documented(_PROBLEMS)
ADMIN_RESPONSES = _documented(_ADMIN_PROBLEMS)
USER_RESPONSES = _documented(_USER_PROBLEMS)
DEAL_RESPONSES = _documented(_DEAL_PROBLEMS)
PASSWORD_RESPONSES = _documented(_PASSWORD_PROBLEMS)
OWN_RESPONSES = _documented(_OWN_PROBLEMS)
SILENCE_RESPONSES = _documented({status: text for status, text in _SILENCE_PROBLEMS.items() if status != 409})
SIGN_IN_RESPONSES = _documented(_SIGN_IN_PROBLEMS)
AsOf = Annotated[date | None, Parameter(description="Default: the last date of the model's data.")]
HorizonText = Annotated[
    str, Parameter(max_length=len(QUARTER_END), description='Days from as_of (1 to 366), or "quarter_end".')
]
MappingText = Annotated[
    str, Parameter(max_length=30, description="The profile of the CRM that wrote the deals, for example hubspot")
]
