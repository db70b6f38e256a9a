"""WSGI middleware before LocalStack: it accepts only requests signed with one of the platform's keys."""

import hashlib
import secrets
import tempfile
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from refusal import RefusedError, answer
from rights import Rights
from signature import SignedRequest, verify

HEALTH = "/_localstack/health"
SESSION = "X-Closecast-Session"
RIGHTS = "closecast.rights"  # of the key that signed, in the request's WSGI environment
_CLOSED = ("/_localstack", "/_aws")
_IN_MEMORY = 2**20
_Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class AccessControl:
    """WSGI middleware before LocalStack's application. LocalStack's calls to itself bypass it (IN_MEMORY_CLIENT).

    Only `GET /_localstack/health` needs no signature; its answer carries a session identifier that is new at each
    start.
    """

    def __init__(
        self,
        application: _Application,
        limited: _Application,
        secret_keys: Mapping[str, str],
        jobs: Mapping[str, Rights],
    ) -> None:
        """`secret_keys` maps access key to secret.

        Requests of a key in `jobs` go to `limited`, which checks its rights.
        """
        self._application, self._limited = application, limited
        self._secret_keys, self._jobs = secret_keys, jobs
        self._session = secrets.token_hex(16)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = _signed_request(environ)
        if request.method in ("GET", "HEAD") and request.target == environ["PATH_INFO"] == HEALTH:

            def with_session(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
                return start_response(status, [*headers, (SESSION, self._session)], *rest)

            return self._application(environ, with_session)
        try:
            if f"/{unquote(request.path).lstrip('/')}".startswith(_CLOSED):
                raise RefusedError("AccessDenied", "LocalStack's own pages are closed, except its health page")
            key = verify(request, self._secret_keys, datetime.now(UTC), lambda: _sha256(environ))
        except RefusedError as refused:
            headers, payload = answer(refused, lambda name: "".join(request.all(name)))
            start_response("403 Forbidden", headers)
            return [] if request.method == "HEAD" else [payload]
        if (rights := self._jobs.get(key)) is not None:
            environ[RIGHTS] = rights
            return self._limited(environ, start_response)
        return self._application(environ, start_response)


def _signed_request(environ: dict[str, Any]) -> SignedRequest:
    headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in environ["rolo.headers"]]
    return SignedRequest(environ["REQUEST_METHOD"], environ["RAW_URI"], headers)


def _sha256(environ: dict[str, Any]) -> str:
    """SHA-256 of the body, which is put back for LocalStack to read."""
    found, body = hashlib.sha256(), tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - read by LocalStack
    while part := environ["wsgi.input"].read(_IN_MEMORY):
        found.update(part)
        body.write(part)
    body.seek(0)
    environ["wsgi.input"] = body
    return found.hexdigest()
