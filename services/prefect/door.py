"""What stands before Prefect's server: a door that asks for the one password, with which everything is open."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Scope

from services import door
from services.door import Refusal, opens

# What Nomad asks; neither tells more than whether the server and its services run.
OPEN = ("/api/health", "/api/ready")


class Door(door.Door):
    """WebSockets show the password in their first message, which Prefect checks."""

    def __init__(self, app: ASGIApp, host: str, port: str, auth_string: str) -> None:
        super().__init__(app, host, port)
        self._auth_string = auth_string

    def closed(self, scope: Scope, headers: Headers) -> Refusal | None:
        asks = scope["type"] == "http" and scope["path"].startswith("/api") and scope["path"] not in OPEN
        if asks and scope["method"] != "OPTIONS" and not opens(headers.get("authorization"), self._auth_string):
            return Refusal(401, "the password is missing or wrong")
        return None
