"""Access control for Prefect's server: one password opens the whole API."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Scope

from services import access_control
from services.access_control import Refusal, is_authorized

# Nomad's health checks; they show only whether the server and its services run.
OPEN = ("/api/health", "/api/ready")


class AccessControl(access_control.AccessControl):
    """Checks HTTP requests. WebSockets send the password in their first message, which Prefect checks."""

    def __init__(self, app: ASGIApp, host: str, port: str, auth_string: str) -> None:
        super().__init__(app, host, port)
        self._auth_string = auth_string

    def authorize(self, scope: Scope, headers: Headers) -> Refusal | None:
        needs_password = scope["type"] == "http" and scope["path"].startswith("/api") and scope["path"] not in OPEN
        if (
            needs_password
            and scope["method"] != "OPTIONS"
            and not is_authorized(headers.get("authorization"), self._auth_string)
        ):
            return Refusal(401, "the password is missing or wrong")
        return None
