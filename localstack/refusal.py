"""Answers to refused requests: 403 in the format of the AWS service."""

import json
import secrets
from collections.abc import Callable
from xml.sax.saxutils import escape

_JSON_CODES = {"AccessDenied": "AccessDeniedException", "InvalidAccessKeyId": "UnrecognizedClientException"}


class RefusedError(Exception):
    """A refused request; `code` is AWS's error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def answer(refused: RefusedError, header: Callable[[str], str]) -> tuple[list[tuple[str, str]], bytes]:
    """Headers and body of the answer: JSON, the query services' XML, or S3's.

    `header` returns a request header, or an empty string.
    """
    request, kind = secrets.token_hex(8).upper(), header("content-type")
    code, message = refused.code, str(refused)
    if header("x-amz-target") or kind.startswith("application/x-amz-json"):
        code = _JSON_CODES.get(code, "InvalidSignatureException")
        kind, body = "application/x-amz-json-1.1", json.dumps({"__type": code, "message": message})
    else:
        inner = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
        head = '<?xml version="1.0" encoding="UTF-8"?>\n'
        if kind.startswith("application/x-www-form-urlencoded"):
            body = f"<ErrorResponse><Error><Type>Sender</Type>{inner}</Error><RequestId>{request}</RequestId></ErrorResponse>"
        else:
            body = f"<Error>{inner}<RequestId>{request}</RequestId></Error>"
        kind, body = "application/xml", head + body
    payload = body.encode()
    return [("Content-Type", kind), ("Content-Length", str(len(payload))), ("x-amzn-RequestId", request)], payload
