"""What stands before MLflow's server: three users, of whom two may do what a closed list says and nothing else."""

import re
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Scope

from services import door
from services.door import Refusal, opens

PEOPLE, API, READER = "closecast", "api", "reader"
# What Nomad asks; it tells that the server runs.
OPEN = ("GET", "/health")
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="MLflow of Closecast", charset="UTF-8"'}
_CODES = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 421: "BAD_REQUEST"}  # MLflow's own words
_REST = "/api/2.0/mlflow"
# Models, runs and their artifacts: what it takes to load a model, by our own client and by MLflow's.
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
# The API keeps the webhook by which it hears of a moved alias; where one may lead, services/mlflow/outgoing.py says.
_KEEP_WEBHOOK = {
    "GET": f"{_READ['GET']}|{_REST}/webhooks",
    "POST": f"{_READ['POST']}|{_REST}/webhooks",
    "PATCH": f"{_REST}/webhooks/[^/]+",
}
MAY = {READER: _READ, API: _KEEP_WEBHOOK}
# By these the server runs commands of an assistant, or asks any address that somebody has stored. Nothing here uses them.
_NOBODY = re.compile("(/gateway|/ajax-api/2.0/mlflow/gateway-proxy|/ajax-api/3.0/mlflow/assistant)(/.*)?", re.DOTALL)


@dataclass(frozen=True)
class Passwords:
    """Of each user."""

    people: str = field(repr=False)
    api: str = field(repr=False)
    reader: str = field(repr=False)

    def user(self, authorization: str | None) -> str | None:
        """Who shows the header `Authorization`; None where it is nobody's."""
        known = {PEOPLE: self.people, API: self.api, READER: self.reader}
        return next((user for user, password in known.items() if opens(authorization, f"{user}:{password}")), None)


class Door(door.Door):
    """Every route goes through here, MLflow's own and those of the Flask application in it; it has no websockets."""

    def __init__(self, app: ASGIApp, host: str, port: str, passwords: Passwords) -> None:
        super().__init__(app, host, port)
        self._passwords = passwords

    def closed(self, scope: Scope, headers: Headers) -> Refusal | None:
        if scope["type"] != "http":
            return Refusal(403, "there are no websockets here")
        method, path = scope["method"], scope["path"]
        if (method, path) == OPEN:
            return None
        user = self._passwords.user(headers.get("authorization"))
        if user is None:
            return Refusal(401, _WHO, _CHALLENGE)
        if _NOBODY.fullmatch(path):
            return Refusal(403, f"{method} {path[:200]} is closed to everybody: Closecast does not use it")
        if user in MAY and not (method in MAY[user] and re.fullmatch(MAY[user][method], path)):
            return Refusal(403, f"the user {user} may not {method} {path[:200]}: the user {PEOPLE} may")
        return None

    def body(self, refusal: Refusal) -> dict[str, str]:
        return {"error_code": _CODES[refusal.status], "message": refusal.reason}


_WHO = (
    "MLflow asks for a user and a password, and these are missing or wrong: set MLFLOW_TRACKING_USERNAME and "
    "MLFLOW_TRACKING_PASSWORD to what `just passwords` prints; a job has them from its Variable, which `just up` writes"
)
