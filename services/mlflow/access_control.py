"""Access control for MLflow's server: one user may do everything, two others only what a list allows."""

import re
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Scope

from services import access_control
from services.access_control import Refusal, is_authorized

PEOPLE, API, READER = "closecast", "api", "reader"
# Nomad's health check.
OPEN = ("GET", "/health")
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="MLflow of Closecast", charset="UTF-8"'}
_CODES = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 421: "BAD_REQUEST"}  # MLflow's own codes
_REST = "/api/2.0/mlflow"
# Models, runs and their artifacts: what our client and MLflow's need to load a model.
_READ = {
    "GET": "|".join(
        [
            "/version",
            "/api/3.0/mlflow/server-info",
            f"{_REST}-artifacts/(artifacts|artifacts/.+|presigned/.+)",
            f"{_REST}/experiments/(get|get-by-name|search)",
            f"{_REST}/runs/get",
            f"{_REST}/artifacts/list",
            f"{_REST}/metrics/get-history",
            f"{_REST}/logged-models/[^/]+",
            f"{_REST}/registered-models/(get|search|alias|get-latest-versions)",
            f"{_REST}/model-versions/(get|search|get-download-uri)",
        ]
    ),
    "POST": f"{_REST}/(experiments/search|runs/search|logged-models/search|registered-models/get-latest-versions)",
}
# The API maintains the webhook that reports a moved alias; services/mlflow/outgoing.py limits the addresses it may have.
# It sets an alias to roll back; it deletes none, and makes no version. Services load only what is signed.
_OF_THE_API = {
    "GET": f"{_READ['GET']}|{_REST}/webhooks",
    "POST": f"{_READ['POST']}|{_REST}/(webhooks|registered-models/alias)",
    "PATCH": f"{_REST}/webhooks/[^/]+",
}
ALLOWED = {READER: _READ, API: _OF_THE_API}
# Through these the server runs an assistant's commands or sends requests to stored addresses. Closecast uses none of them.
_FORBIDDEN = re.compile("(/gateway|/ajax-api/2.0/mlflow/gateway-proxy|/ajax-api/3.0/mlflow/assistant)(/.*)?", re.DOTALL)


@dataclass(frozen=True)
class Passwords:
    """Passwords of the three users."""

    people: str = field(repr=False)
    api: str = field(repr=False)
    reader: str = field(repr=False)

    def user(self, authorization: str | None) -> str | None:
        """The user whose credentials the header `Authorization` holds, or None."""
        known = {PEOPLE: self.people, API: self.api, READER: self.reader}
        return next(
            (user for user, password in known.items() if is_authorized(authorization, f"{user}:{password}")), None
        )


class AccessControl(access_control.AccessControl):
    """Checks every route: MLflow's own and those of the Flask application in it. WebSockets are refused."""

    def __init__(self, app: ASGIApp, host: str, port: str, passwords: Passwords) -> None:
        super().__init__(app, host, port)
        self._passwords = passwords

    def authorize(self, scope: Scope, headers: Headers) -> Refusal | None:
        if scope["type"] != "http":
            return Refusal(403, "there are no websockets here")
        method, path = scope["method"], scope["path"]
        if (method, path) == OPEN:
            return None
        user = self._passwords.user(headers.get("authorization"))
        if user is None:
            return Refusal(401, _LOGIN_REQUIRED, _CHALLENGE)
        if _FORBIDDEN.fullmatch(path):
            return Refusal(403, f"{method} {path[:200]} is closed to everybody: Closecast does not use it")
        if user in ALLOWED and not (method in ALLOWED[user] and re.fullmatch(ALLOWED[user][method], path)):
            return Refusal(403, f"the user {user} may not {method} {path[:200]}: the user {PEOPLE} may")
        return None

    def body(self, refusal: Refusal) -> dict[str, str]:
        return {"error_code": _CODES[refusal.status], "message": refusal.reason}


_LOGIN_REQUIRED = (
    "the user or password is missing or wrong: set MLFLOW_TRACKING_USERNAME and "
    "MLFLOW_TRACKING_PASSWORD to what `just passwords` prints; a job has them from its Variable, which `just up` writes"
)
