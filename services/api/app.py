"""Puts the service together: routes, guards, problem documents, the follower of the champion, the OpenAPI document."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from litestar import Litestar, Request, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, ScalarRenderPlugin
from litestar.openapi.spec import Components, Contact, SecurityScheme

from closecast.platform.registry import ModelRegistry
from services.api.admission import Admission
from services.api.champion import Champion
from services.api.doors import Doors
from services.api.health import live, ready
from services.api.problems import HANDLERS
from services.api.requests import RequestLog
from services.api.routes import ROUTES
from services.api.security_headers import add_headers
from services.api.settings import Settings

_MAX_BODY = 10_000_000  # bytes; 10,000 deals in JSON are about 2.5 MB


def create_app(settings: Settings | None = None) -> Litestar:
    """The application; `settings` are the environment's unless given."""
    settings = settings or Settings.from_environment(os.environ)
    doors = Doors(settings)
    champion = Champion(
        ModelRegistry(settings.registry.tracking_uri), settings.model_cache, promoted=doors.saw_promotion
    )

    @asynccontextmanager
    async def following(_app: Litestar) -> AsyncIterator[None]:
        doors.start()
        champion.start()
        try:
            yield
        finally:
            champion.stop()
            doors.stop()

    versioned = Router(
        "/v1",
        route_handlers=ROUTES,
        before_request=_keep_body,
        security=[{"key": []}, {"bearer": []}],
        tags=["predictions"],
    )
    return Litestar(
        route_handlers=[versioned, live, ready],
        dependencies={
            "champion": Provide(lambda: champion, sync_to_thread=False),
            "doors": Provide(lambda: doors, sync_to_thread=False),
        },
        lifespan=[following],
        middleware=[RequestLog(), Admission(doors)],
        exception_handlers=HANDLERS,
        before_send=[add_headers],
        request_max_body_size=_MAX_BODY,
        openapi_config=_OPENAPI,
        logging_config=None,
        state=State(),
        debug=False,
    )


async def _keep_body(request: Request[object, object, State]) -> None:
    """A problem document quotes the value that was refused, and handlers of exceptions cannot wait for the body."""
    request.scope["state"]["body"] = await request.body()


_OPENAPI = OpenAPIConfig(
    title="Closecast",
    version=version("closecast"),
    description="Which open deals will be won, and by when.",
    path="/schema",
    contact=Contact(name="Closecast"),
    render_plugins=[ScalarRenderPlugin(), JsonRenderPlugin()],
    components=Components(
        security_schemes={
            "key": SecurityScheme(type="apiKey", name="X-API-Key", security_scheme_in="header"),
            "bearer": SecurityScheme(
                type="http", scheme="bearer", description="An API key, or a JWT of a trusted issuer"
            ),
        }
    ),
)
