"""OpenTelemetry traces: a span for each request, sent by OTLP where the environment names an endpoint; else nothing at all."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from litestar.types import ASGIApp, Message, Receive, Send
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROPAGATED = ("traceparent", "tracestate")


def provider(environment: Mapping[str, str]) -> TracerProvider | None:
    """Where spans go: to the endpoint that `environment` names (OpenTelemetry's own variables); None without one."""
    if not any(environment.get(name) for name in ENDPOINTS):
        return None
    named = environment.get("OTEL_SERVICE_NAME") or "closecast-api"
    made = TracerProvider(resource=Resource.create({"service.name": named, "service.version": version("closecast")}))
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return made


class Traced:
    """Wraps the whole application; a caller's W3C trace context is carried on."""

    def __init__(self, app: ASGIApp, spans: TracerProvider) -> None:
        self._app = app
        self._tracer = spans.get_tracer("closecast.services.api")
        self._propagator = TraceContextTextMapPropagator()

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        parent = self._propagator.extract({name: headers[name] for name in _PROPAGATED if name in headers})
        with self._tracer.start_as_current_span(scope["method"], context=parent, kind=SpanKind.SERVER) as span:

            async def answer(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= 500:
                        span.set_status(Status(StatusCode.ERROR))
                await send(message)

            await self._app(scope, receive, answer)
            route = scope["state"]["route"]
            span.update_name(f"{scope['method']} {route}")
            span.set_attributes(
                {
                    "http.request.method": scope["method"],
                    "http.route": route,
                    "url.path": scope["path"],
                    "closecast.request_id": scope["state"]["request_id"],
                }
            )
