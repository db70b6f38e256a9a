"""What stands before Prefect's server: refuses other names of this machine, other sites' pages, and whoever lacks the password."""

import base64
import binascii
import hmac

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

# What Nomad asks; neither tells more than whether the server and its services run.
OPEN = ("/api/health", "/api/ready")


def names(host: str, port: str) -> list[str]:
    """What a `Host` may say: a name that an attacker had pointed here is none of these."""
    return [f"{name}:{port}" for name in dict.fromkeys((host, "127.0.0.1", "localhost"))]


def opens(authorization: str | None, auth_string: str) -> bool:
    """Whether the header holds the password."""
    scheme, _, shown = (authorization or "").partition(" ")
    try:
        given = base64.b64decode(shown, validate=True)
    except (binascii.Error, ValueError):
        return False
    return scheme.lower() == "basic" and hmac.compare_digest(given, auth_string.encode())


class Door:
    """An ASGI application before Prefect's. WebSockets show the password in their first message, which Prefect checks."""

    def __init__(self, app: ASGIApp, host: str, port: str, auth_string: str) -> None:
        self._app = app
        self._names = names(host, port)
        self._origins = [f"http://{name}" for name in self._names]
        self._auth_string = auth_string

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope) if scope["type"] in ("http", "websocket") else None
        if refusal is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": refusal[1]})
        else:
            await JSONResponse({"detail": refusal[1]}, refusal[0])(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or hosts[0].lower() not in self._names:
            return 421, f"Host: expected one of {', '.join(self._names)}"
        if any(origin not in self._origins for origin in origins):
            return 403, "pages of other sites may not ask here"
        closed = scope["type"] == "http" and scope["path"].startswith("/api") and scope["path"] not in OPEN
        if closed and scope["method"] != "OPTIONS" and not opens(headers.get("authorization"), self._auth_string):
            return 401, "the password is missing or wrong"
        return None
