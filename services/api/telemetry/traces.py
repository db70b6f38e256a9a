"""OpenTelemetry traces: a span per request, sent by OTLP if the environment names an endpoint."""

import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from litestar.types import ASGIApp, Message, Receive, Send
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import closecast
from services.api.middleware.request_log import route_of

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROPAGATED = ("traceparent", "tracestate")
Headers = Iterable[tuple[bytes, bytes]]


def provider(environment: Mapping[str, str]) -> "TracerProvider | None":
    """Make a tracer provider for the endpoint in `environment` (OpenTelemetry's variables); None without one."""
    if not any(environment.get(name) for name in ENDPOINTS):
        return None
    # Imported here: it takes a tenth of a second, and only traces need it.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = environment.get("OTEL_SERVICE_NAME") or "closecast-api"
    made = TracerProvider(resource=Resource.create({"service.name": named, "service.version": closecast.__version__}))
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return made


class Tracer:
    """Makes spans of requests, and continues a caller's W3C trace context."""

    def __init__(self, spans: "TracerProvider") -> None:
        self._tracer = spans.get_tracer("closecast.services.api")
        self._propagator = TraceContextTextMapPropagator()

    def parent(self, headers: Headers) -> Context:
        """The caller's trace context from raw ASGI headers."""
        texts = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
        return self._propagator.extract({name: texts[name] for name in _PROPAGATED if name in texts})

    def begun(self, headers: Headers, method: str) -> AbstractContextManager[Span]:
        """Start the span of a request, current while it is open."""
        return self._tracer.start_as_current_span(method, context=self.parent(headers), kind=SpanKind.SERVER)

    def answered(
        self, named: Mapping[bytes, bytes], path: str, request_id: str, seconds: float, status: int = 200
    ) -> None:
        """Record the span of a POST that was answered with `status` after `seconds`."""
        end = time.time_ns()
        span = self._tracer.start_span(
            "POST", self.parent(named.items()), SpanKind.SERVER, start_time=end - int(seconds * 1e9)
        )
        describe(span, "POST", path, path, request_id, status)
        span.end(end)


def describe(span: Span, method: str, route: str, path: str, request_id: str, status: int | None) -> None:
    """Set name and attributes of the span by OpenTelemetry's semantic conventions for HTTP servers."""
    span.update_name(f"{method} {route}")
    attributes: dict[str, str | int] = {
        "http.request.method": method,
        "http.route": route,
        "url.path": path,
        "closecast.request_id": request_id,
    }
    if status is not None:
        attributes["http.response.status_code"] = status
        if status >= 500:
            span.set_status(Status(StatusCode.ERROR))
    span.set_attributes(attributes)


class Traced:
    """Middleware that traces the framework's application."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        with self._tracer.begun(scope["headers"], method) as span:
            status: int | None = None

            async def answer(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                await send(message)

            await self._app(scope, receive, answer)
            state = scope["state"]
            describe(span, method, route_of(scope), scope["path"], state["request_id"], status)
