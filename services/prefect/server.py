"""Run Prefect's server as `prefect server start` does, with a health page of its background services: /health/services."""

import logging
import os
import signal
from collections.abc import Callable

import uvicorn
from docket import Perpetual
from docket.dependencies import get_single_dependency_parameter_of_type
from fastapi import FastAPI
from prefect.server.api.server import create_app
from prefect.server.services.base import Service
from prefect.server.services.perpetual_services import get_enabled_perpetual_services
from prefect.settings import get_current_settings
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from closecast.platform.runtime import logs
from services.access_control import is_authorized
from services.listening import interface
from services.prefect.access_control import AccessControl
from services.prefect.watch import Watch

_LOG = logging.getLogger("services.prefect.server")  # it is run as __main__

PAGE = "/health/services"
_LOGS = ("prefect.server.services", "prefect.server.events.services", "prefect.server.logs")


def watched_app(ended: Callable[[str], None], auth_string: str) -> FastAPI:
    """Prefect's application with the health page.

    `ended` is called when a service ends. The page shows reasons only with the password.
    """
    watch = Watch(ended)
    for config in get_enabled_perpetual_services():
        perpetual = get_single_dependency_parameter_of_type(config.function, Perpetual)
        if perpetual is not None:
            config.function = watch.repeated(config.function, perpetual.every.total_seconds())
    for service in Service.enabled_services():
        service.start = watch.endless(service.__name__, service.start)  # type: ignore[method-assign,assignment]
        service.stop = watch.stopped(service.stop)  # type: ignore[method-assign,assignment]

    async def page(request: Request) -> JSONResponse:
        found = watch.as_dict()
        # Errors may contain data: unauthenticated callers, such as Nomad's check, only see that there are some.
        shown = found if is_authorized(request.headers.get("authorization"), auth_string) else {"state": found["state"]}
        return JSONResponse(shown, status_code=503 if found["problems"] else 200)

    app = create_app(final=True)
    for name in _LOGS:  # after Prefect has configured its loggers
        logging.getLogger(name).addHandler(watch.handler())
    # Before the user interface, which answers all other paths.
    app.router.routes.insert(0, Route(PAGE, page))
    return app


def _stop(reason: str) -> None:
    """Stop the server and so the task: Nomad restarts it with all its services."""
    _LOG.error("the service %s; the server stops, to be started again", reason)
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    logs.configure()
    settings = get_current_settings().server
    host, port = os.environ["CLOSECAST_HOST"], os.environ["CLOSECAST_PORT"]
    auth_string = os.environ["PREFECT_SERVER_API_AUTH_STRING"]
    uvicorn.run(
        AccessControl(watched_app(_stop, auth_string), host, port, auth_string),
        host=interface(os.environ),
        port=int(port),
        timeout_keep_alive=settings.api.keepalive_timeout,
        ws_ping_interval=settings.api.websocket_ping_interval,
        ws_ping_timeout=settings.api.websocket_ping_timeout,
        log_level=settings.logging_level.lower(),
    )


if __name__ == "__main__":
    main()
