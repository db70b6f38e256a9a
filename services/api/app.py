"""Puts the service together: routes, guards, problem documents, the follower of the champion, the OpenAPI document."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, ScalarRenderPlugin
from litestar.openapi.spec import Components, Contact, SecurityScheme

from closecast.platform.scheduling import interrupt_others
from services.api.admission import Admission, Entrance
from services.api.batch_door import BatchDoor
from services.api.body_first import BodyFirst
from services.api.edge import Edge
from services.api.fast_lane import FastLane
from services.api.health import live, meters, ready
from services.api.parts import Parts
from services.api.problems import HANDLERS
from services.api.routes import ROUTES
from services.api.routes.registry_events import registry_event
from services.api.security_headers import add_headers
from services.api.settings import Settings
from services.api.strict_request import StrictRequest, require_strict
from services.api.strict_schema import StrictStructs
from services.api.traces import Traced, Tracer

_MAX_BODY = 10_000_000  # bytes; 10,000 deals in JSON are about 2.5 MB


class Service(Litestar):
    """Litestar's application, and the fast lane that the server asks before it."""

    fast_lane: FastLane


def create_app(settings: Settings) -> Service:
    """The application; nothing runs before its lifespan begins."""
    parts = Parts(settings)

    @asynccontextmanager
    async def running(_app: Litestar) -> AsyncIterator[None]:
        parts.start()
        # From here on this thread answers requests; those that were started until now work beside it.
        interrupt_others()
        try:
            yield
        finally:
            parts.stop()

    versioned = Router(
        "/v1",
        route_handlers=ROUTES,
        before_request=require_strict,
        security=[{"key": []}, {"bearer": []}],
        tags=["predictions"],
    )
    app = Service(
        route_handlers=[versioned, live, ready, meters, *([] if parts.events is None else [registry_event])],
        dependencies={name: _provided(one) for name, one in parts.collaborators().items()},
        lifespan=[running],
        middleware=[Admission(parts.doors)],
        exception_handlers=HANDLERS,
        before_send=[add_headers],
        request_max_body_size=_MAX_BODY,
        request_class=StrictRequest,
        openapi_config=_OPENAPI,
        plugins=[StrictStructs()],
        logging_config=None,
        state=State({"leaving": False}),
        debug=False,
    )
    tracer = None if parts.spans is None else Tracer(parts.spans)
    entrance = Entrance(parts.doors)
    app.asgi_handler = Edge(BatchDoor(app.asgi_handler, parts.desk, entrance, _MAX_BODY), parts.metrics)
    if tracer is not None:
        app.asgi_handler = Traced(app.asgi_handler, tracer)
    app.asgi_handler = BodyFirst(app.asgi_handler)
    app.fast_lane = FastLane(parts.predictor, entrance, parts.metrics, tracer)
    return app


def _provided(one: object) -> Provide:
    """What a handler gets that asks for it by name."""
    return Provide(lambda: one, sync_to_thread=False)


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
