"""A client of single routes that read and write records, over a real PostgreSQL."""

from typing import Any

from litestar import Litestar, Router
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.testing import TestClient
from litestar.types import ASGIApp, Receive, Scope, Send

from closecast.platform.callers.caller import Caller, Role
from services.api.problem_handlers import HANDLERS
from services.api.records.database import Records
from services.api.records.runs import Runs


class _Recognised(ASGIMiddleware):
    """Every caller has one role."""

    def __init__(self, role: Role) -> None:
        self._role = role

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        scope["state"]["caller"] = Caller("key:tests", "tests", "key", self._role)
        await next_app(scope, receive, send)


def client_of(*handlers: HTTPRouteHandler, url: str | None, role: Role = "viewer") -> TestClient[Any]:
    """A client of `handlers` over the database at `url`, None for one that has not been found."""
    records, runs = Records(lambda: url), Runs("http://127.0.0.1:5000/")
    app = Litestar(
        [Router("/v1", route_handlers=handlers, middleware=[_Recognised(role)])],
        dependencies={
            "records": Provide(lambda: records, sync_to_thread=False),
            "runs": Provide(lambda: runs, sync_to_thread=False),
        },
        exception_handlers=HANDLERS,
    )
    return TestClient(app, raise_server_exceptions=False)
