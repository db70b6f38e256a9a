"""ASGI middleware before another project's server: it checks the host, the origin and the credentials of each request."""

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send


@dataclass(frozen=True)
class Refusal:
    """An answer of the middleware itself."""

    status: int
    reason: str
    headers: Mapping[str, str] = field(default_factory=dict)


def allowed_hosts(host: str, port: str) -> list[str]:
    """Values of `Host` that are accepted: a name that an attacker pointed at this machine is none of them."""
    return [f"{name}:{port}" for name in dict.fromkeys((host, "127.0.0.1", "localhost"))]


def is_authorized(authorization: str | None, auth_string: str) -> bool:
    """Whether the header `Authorization` holds `auth_string`, a user and a password with a colon between."""
    scheme, _, shown = (authorization or "").partition(" ")
    try:
        given = base64.b64decode(shown, validate=True)
    except (binascii.Error, ValueError):
        return False
    return scheme.lower() == "basic" and hmac.compare_digest(given, auth_string.encode())


class AccessControl:
    """ASGI middleware. Subclasses say which credentials a request needs and what a refusal's body looks like."""

    def __init__(self, app: ASGIApp, host: str, port: str) -> None:
        self._app = app
        self._hosts = allowed_hosts(host, port)
        self._origins = [f"http://{name}" for name in self._hosts]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope) if scope["type"] in ("http", "websocket") else None
        if refusal is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": refusal.reason})
        else:
            answer = JSONResponse(self.body(refusal), refusal.status, dict(refusal.headers))
            await answer(scope, receive, send)

    def authorize(self, scope: Scope, headers: Headers) -> Refusal | None:
        """Check the credentials of a request whose host and origin are accepted; None when it may pass."""
        raise NotImplementedError

    def body(self, refusal: Refusal) -> dict[str, str]:
        """The JSON body of a refusal, in the form that the server's clients expect."""
        return {"detail": refusal.reason}

    def _refusal(self, scope: Scope) -> Refusal | None:
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return Refusal(421, f"Host: expected one of {', '.join(self._hosts)}")
        if any(origin not in self._origins for origin in origins):
            return Refusal(403, "requests from pages of other sites are not accepted")
        return self.authorize(scope, headers)
