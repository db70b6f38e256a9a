"""What stands between the network and LocalStack: lets in only what the platform's own key has signed."""

import hashlib
import json
import secrets
import tempfile
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote
from xml.sax.saxutils import escape

from signature import Asked, RefusedError, verify

HEALTH = "/_localstack/health"
SESSION = "X-Closecast-Session"
_CLOSED = ("/_localstack", "/_aws")
_IN_MEMORY = 2**20
_Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Door:
    """A WSGI application before LocalStack's own; its calls to itself do not pass here (IN_MEMORY_CLIENT).

    Open to everybody is `GET /_localstack/health` alone, whose answer bears a word that is new at each start.
    """

    def __init__(self, application: _Application, access_key: str, secret_key: str) -> None:
        self._application = application
        self._access_key, self._secret_key = access_key, secret_key
        self._session = secrets.token_hex(16)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        asked = _asked(environ)
        if asked.method in ("GET", "HEAD") and asked.target == environ["PATH_INFO"] == HEALTH:

            def with_session(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
                return start_response(status, [*headers, (SESSION, self._session)], *rest)

            return self._application(environ, with_session)
        try:
            if f"/{unquote(asked.path).lstrip('/')}".startswith(_CLOSED):
                raise RefusedError("AccessDenied", "LocalStack's own pages are closed, but for its health")
            verify(asked, self._access_key, self._secret_key, datetime.now(UTC), lambda: _sha256(environ))
        except RefusedError as refused:
            return _refuse(asked, refused, start_response)
        return self._application(environ, start_response)


def _asked(environ: dict[str, Any]) -> Asked:
    headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in environ["rolo.headers"]]
    return Asked(environ["REQUEST_METHOD"], environ["RAW_URI"], headers)


def _sha256(environ: dict[str, Any]) -> str:
    """Of the body, which is put back for LocalStack to read."""
    found, body = hashlib.sha256(), tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - read by LocalStack
    while part := environ["wsgi.input"].read(_IN_MEMORY):
        found.update(part)
        body.write(part)
    body.seek(0)
    environ["wsgi.input"] = body
    return found.hexdigest()


def _refuse(asked: Asked, refused: RefusedError, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """403 as the service that was meant would say it: JSON, the query services' XML, or S3's."""
    request, kind = secrets.token_hex(8).upper(), "".join(asked.all("content-type"))
    code, message = refused.code, str(refused)
    if asked.all("x-amz-target") or kind.startswith("application/x-amz-json"):
        code = {"AccessDenied": "AccessDeniedException", "InvalidAccessKeyId": "UnrecognizedClientException"}.get(
            code, "InvalidSignatureException"
        )
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
    headers = [("Content-Type", kind), ("Content-Length", str(len(payload))), ("x-amzn-RequestId", request)]
    start_response("403 Forbidden", headers)
    return [] if asked.method == "HEAD" else [payload]
