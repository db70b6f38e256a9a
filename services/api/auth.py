"""Who may call: the bearer of a key whose SHA-256 the service was given."""

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException
from litestar.handlers import BaseRouteHandler

from services.api.fast_lane import Enter, Entry

Guard = Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], None]
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="closecast"'}


def key_guard(hashes: tuple[bytes, ...]) -> Guard:
    """A guard that lets pass who presents a key with one of `hashes`, in X-API-Key or as a bearer token."""

    def guard(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
        key = connection.headers.get("X-API-Key") or _bearer(connection.headers.get("Authorization", ""))
        if not key:
            raise NotAuthorizedException("no API key: send it in the header X-API-Key", headers=_CHALLENGE)
        digest = hashlib.sha256(key.encode()).digest()
        # Every hash is compared, whichever fits: the time taken tells nothing.
        if not sum(hmac.compare_digest(digest, known) for known in hashes):
            raise NotAuthorizedException("the API key is not known", headers=_CHALLENGE)
        connection.scope["state"]["caller"] = "bootstrap"

    return guard


def entrance(hashes: tuple[bytes, ...]) -> Enter:
    def enter(scope: Any) -> Entry | None:
        for name, value in scope["headers"]:
            if name == b"x-api-key":
                digest = hashlib.sha256(value).digest()
                return Entry("bootstrap", ()) if any(hmac.compare_digest(digest, known) for known in hashes) else None
        return None

    return enter


def _bearer(header: str) -> str:
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
