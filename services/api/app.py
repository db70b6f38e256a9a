"""Assemble the service: routes, guards, problem documents, the champion's follower, and the OpenAPI document."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi.plugins import JsonRenderPlugin, ScalarRenderPlugin
from litestar.openapi.spec import Components, Contact, SecurityScheme, Server, Tag

import closecast
from closecast.platform.request_limits import MOST_BYTES
from closecast.platform.runtime.scheduling import enable_preemption
from services.api.access.admission import Admission, FastAdmission
from services.api.container import Container
from services.api.middleware.drain_body import DrainBody
from services.api.middleware.request_log import RequestLog
from services.api.middleware.security_headers import add_headers
from services.api.middleware.strict_request import StrictRequest, require_strict
from services.api.problem_handlers import HANDLERS
from services.api.routes import ROUTES
from services.api.routes.health import live, meters, ready, startup
from services.api.routes.registry_events import registry_event
from services.api.routes.sign_in_page import check_sign_in, sign_in_by_page, sign_in_page
from services.api.routes.sign_in_provider import sign_in_by_provider, signed_in_by_provider
from services.api.schemas.openapi import ContractConfig
from services.api.schemas.strict_structs import StrictStructs
from services.api.settings import Settings
from services.api.telemetry.traces import Traced, Tracer
from services.api.transport.fast_path import FastPath
from services.api.transport.refusals import Refusals


class Service(Litestar):
    """The Litestar application, with the fast path before it and the server's own refusals."""

    fast_path: FastPath
    refusals: Refusals


def create_app(settings: Settings) -> Service:
    """Make the application; nothing runs before its lifespan begins."""
    container = Container(settings)

    @asynccontextmanager
    async def running(_app: Litestar) -> AsyncIterator[None]:
        container.start()
        # From here on this thread answers requests; the threads started so far run in the background.
        enable_preemption()
        try:
            yield
        finally:
            container.stop()

    versioned = Router(
        "/v1",
        route_handlers=ROUTES,
        before_request=require_strict,
        security=[{"key": []}, {"bearer": []}],
        tags=["predictions"],
    )
    app = Service(
        route_handlers=[
            versioned,
            live,
            startup,
            ready,
            meters,
            sign_in_page,
            sign_in_by_page,
            check_sign_in,
            sign_in_by_provider,
            signed_in_by_provider,
            *([] if container.events is None else [registry_event]),
        ],
        dependencies={name: _provided(one) for name, one in container.collaborators().items()},
        lifespan=[running],
        middleware=[Admission(container.callers)],
        exception_handlers=HANDLERS,
        before_send=[add_headers],
        request_max_body_size=MOST_BYTES,
        request_class=StrictRequest,
        openapi_config=_OPENAPI,
        plugins=[StrictStructs()],
        logging_config=None,
        state=State({"leaving": False, "own_columns": container.own_columns}),
        debug=False,
    )
    tracer = None if container.spans is None else Tracer(container.spans)
    admission = FastAdmission(container.callers)
    app.asgi_handler = DrainBody(app.asgi_handler)
    if tracer is not None:
        app.asgi_handler = Traced(app.asgi_handler, tracer)
    app.asgi_handler = RequestLog(app.asgi_handler, container.metrics)
    app.fast_path = FastPath(container.predictor, admission, container.metrics, tracer)
    app.refusals = Refusals(container.metrics)
    return app


def _provided(one: object) -> Provide:
    """A dependency that handlers request by name."""
    return Provide(lambda: one, sync_to_thread=False)


_OPENAPI = ContractConfig(
    title="Closecast",
    version=closecast.__version__,
    description="Which open deals will be won, and by when.",
    path="/schema",
    use_handler_docstrings=True,
    servers=[Server(url="/", description="The server of this document")],
    tags=[
        Tag(name="predictions", description="Win probabilities of deals, and their explanations"),
        Tag(name="administration", description="API keys and the audit log, for admins"),
        Tag(name="sessions", description="Sign-in of local users"),
        Tag(name="health", description="Checks for the scheduler and the gateway"),
    ],
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
