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
from services.api import traces
from services.api.auth import entrance, key_guard
from services.api.batch_lane import BatchLane
from services.api.champion import Champion
from services.api.edge import Edge
from services.api.explanation_cache import ExplanationCache
from services.api.explanations import Explainer
from services.api.fast_lane import FastLane
from services.api.health import live, meters, ready
from services.api.metrics import Metrics
from services.api.predictor import Predictor
from services.api.problems import HANDLERS
from services.api.routes import ROUTES
from services.api.settings import Settings
from services.api.traces import Traced

_MAX_BODY = 10_000_000  # bytes; 10,000 deals in JSON are about 2.5 MB


def create_app(settings: Settings | None = None) -> Litestar:
    """The application; `settings` are the environment's unless given."""
    settings = settings or Settings.from_environment(os.environ)
    metrics, spans = Metrics(), traces.provider(os.environ)
    champion = Champion(ModelRegistry(settings.registry.tracking_uri), settings.model_cache)
    predictor = Predictor(champion, None, metrics)
    batches = BatchLane()
    explainer = Explainer(ExplanationCache(lambda: settings.cache_url))

    @asynccontextmanager
    async def following(_app: Litestar) -> AsyncIterator[None]:
        champion.start()
        try:
            yield
        finally:
            champion.stop()
            batches.close()
            explainer.cache.close()
            if spans is not None:
                spans.shutdown()  # sends what has gathered

    versioned = Router(
        "/v1",
        route_handlers=ROUTES,
        guards=[key_guard(settings.key_hashes)],
        before_request=_keep_body,
        security=[{"key": []}, {"bearer": []}],
        tags=["predictions"],
    )
    app = Litestar(
        route_handlers=[versioned, live, ready, meters],
        dependencies=_provided(
            champion=champion, predictor=predictor, explainer=explainer, batches=batches, metrics=metrics
        ),
        lifespan=[following],
        exception_handlers=HANDLERS,
        request_max_body_size=_MAX_BODY,
        openapi_config=_OPENAPI,
        logging_config=None,
        state=State(),
        debug=False,
    )
    lane = FastLane(app.asgi_handler, predictor, entrance(settings.key_hashes), metrics)
    app.asgi_handler = Edge(lane, metrics)
    if spans is not None:
        app.asgi_handler = Traced(app.asgi_handler, spans)
    return app


def _provided(**collaborators: object) -> dict[str, Provide]:
    """What handlers ask for by name."""

    def provide(one: object) -> Provide:
        return Provide(lambda: one, sync_to_thread=False)

    return {name: provide(one) for name, one in collaborators.items()}


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
