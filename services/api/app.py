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
from services.api.auth import key_guard
from services.api.champion import Champion
from services.api.health import live, ready
from services.api.problems import HANDLERS
from services.api.registry_events import RegistryEvents
from services.api.requests import RequestLog
from services.api.routes import ROUTES
from services.api.routes.registry_events import registry_event
from services.api.settings import Settings

_MAX_BODY = 10_000_000  # bytes; 10,000 deals in JSON are about 2.5 MB


def create_app(settings: Settings | None = None) -> Litestar:
    """The application; `settings` are the environment's unless given."""
    settings = settings or Settings.from_environment(os.environ)
    champion = Champion(ModelRegistry(settings.registry.tracking_uri), settings.model_cache)

    events = (
        RegistryEvents(settings.events, champion.wake, lambda: settings.cache_url)
        if settings.events is not None
        else None
    )

    @asynccontextmanager
    async def following(_app: Litestar) -> AsyncIterator[None]:
        champion.start()
        if events is not None:
            events.start()
        try:
            yield
        finally:
            if events is not None:
                events.stop()
            champion.stop()

    versioned = Router(
        "/v1",
        route_handlers=ROUTES,
        guards=[key_guard(settings.key_hashes)],
        before_request=_keep_body,
        security=[{"key": []}, {"bearer": []}],
        tags=["predictions"],
    )
    return Litestar(
        route_handlers=[versioned, live, ready, *([registry_event] if events is not None else [])],
        dependencies={
            "champion": Provide(lambda: champion, sync_to_thread=False),
            "registry_events": Provide(lambda: events, sync_to_thread=False),
        },
        lifespan=[following],
        middleware=[RequestLog()],
        exception_handlers=HANDLERS,
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
            "bearer": SecurityScheme(type="http", scheme="bearer"),
        }
    ),
)
