"""What stands before the server of another project: refuses other names of this machine, other sites' pages, and whoever lacks a password."""

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
    """An answer of the door's own."""

    status: int
    reason: str
    headers: Mapping[str, str] = field(default_factory=dict)


def names(host: str, port: str) -> list[str]:
    """What a `Host` may say: a name that an attacker had pointed here is none of these."""
    return [f"{name}:{port}" for name in dict.fromkeys((host, "127.0.0.1", "localhost"))]


def opens(authorization: str | None, auth_string: str) -> bool:
    """Whether the header `Authorization` shows `auth_string`, which is a user and a password with a colon between."""
    scheme, _, shown = (authorization or "").partition(" ")
    try:
        given = base64.b64decode(shown, validate=True)
    except (binascii.Error, ValueError):
        return False
    return scheme.lower() == "basic" and hmac.compare_digest(given, auth_string.encode())


class Door:
    """An ASGI application before another. What else it refuses, and in what words, a subclass says."""

    def __init__(self, app: ASGIApp, host: str, port: str) -> None:
        self._app = app
        self._names = names(host, port)
        self._origins = [f"http://{name}" for name in self._names]

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

    def closed(self, scope: Scope, headers: Headers) -> Refusal | None:
        """Why a request of our own pages or of no page at all is refused, None where it is let in."""
        raise NotImplementedError

    def body(self, refusal: Refusal) -> dict[str, str]:
        """A refusal as the clients of the server behind the door read one."""
        return {"detail": refusal.reason}

    def _refusal(self, scope: Scope) -> Refusal | None:
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or hosts[0].lower() not in self._names:
            return Refusal(421, f"Host: expected one of {', '.join(self._names)}")
        if any(origin not in self._origins for origin in origins):
            return Refusal(403, "pages of other sites may not ask here")
        return self.closed(scope, headers)
