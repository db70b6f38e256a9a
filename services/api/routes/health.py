"""Liveness, readiness and metrics of the instance."""

from litestar import Response, get
from litestar.datastructures import State
from litestar.di import NamedDependency

from services.api.schemas.predictions import Health
from services.api.serving.champion import Champion
from services.api.telemetry.metrics import CONTENT_TYPE, Metrics


@get("/health/live", sync_to_thread=False, summary="The process answers", tags=["health"])
def live() -> Health:
    """Answer 200 while the process is alive."""
    return Health("live")


@get("/health/startup", sync_to_thread=False, summary="The right model serves, or there is none", tags=["health"])
def startup(champion: NamedDependency[Champion]) -> Response[Health]:
    """Answer 503 until this instance serves the registry's champion, or the registry has none; then 200 for good.

    While the registry does not answer, the last champion that this machine knows is taken for it. A deployment waits for
    this: an instance that lives but refuses the champion is not kept.
    """
    status = champion.status()
    version = None if status.served is None else status.served.version
    if not status.started:
        return Response(Health("starting", version, status.problem), status_code=503)
    return Response(Health("started", version, status.problem))


@get("/health/ready", sync_to_thread=False, summary="A model serves", tags=["health"])
def ready(champion: NamedDependency[Champion], state: State) -> Response[Health]:
    """Answer 200 while a model serves, with the reason if the registry is away; else, and before stopping, 503."""
    if state.leaving:
        return Response(Health("not ready", reason="this instance is about to stop"), status_code=503)
    status = champion.status()
    if status.served is None:
        return Response(Health("not ready", reason=status.problem), status_code=503)
    return Response(Health("ready", status.served.version, status.problem))


@get("/metrics", sync_to_thread=True, include_in_schema=False)
def meters(metrics: NamedDependency[Metrics]) -> Response[bytes]:
    """Metrics in Prometheus's text format."""
    return Response(metrics.text(), media_type=CONTENT_TYPE)
