"""Traces: a span for each request goes to the endpoint that is set, with the caller's trace carried on.

The receiver is a double of an OpenTelemetry collector's HTTP door, because no collector can be had here; it reads the
protocol with OpenTelemetry's own messages.
"""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from services.api.telemetry import traces
from tests.integration.services.api.live import live
from tests.unit.services.api.conftest import KEY, settings

pytestmark = pytest.mark.integration

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[ExportTraceServiceRequest]]:
    found: list[ExportTraceServiceRequest] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            found.append(ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def test_requests_become_spans_of_the_callers_trace(cache: Path, received: list[ExportTraceServiceRequest]) -> None:
    # when
    with (
        live(settings(cache)) as address,
        httpx.Client(base_url=address, headers={"X-API-Key": KEY}, timeout=60) as client,
    ):
        parent = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
        body = {"deal": {"engage_date": "2017-11-20"}}
        assert client.post("/v1/predictions", json=body, headers=parent).status_code == 200
        # by the framework, for a charset is out of the ordinary
        given = {**parent, "Content-Type": "application/json; charset=utf-8"}
        assert (
            client.post(
                "/v1/predictions", content=b'{"deal": {"engage_date": "2017-11-20"}}', headers=given
            ).status_code
            == 200
        )
        assert client.get("/v1/model", headers={"X-Request-ID": "this-one"}).status_code == 200
        assert client.get("/v1/absent").status_code == 404
    # then
    spans = [
        span for batch in received for one in batch.resource_spans for scope in one.scope_spans for span in scope.spans
    ]
    names = [span.name for span in spans]
    assert names == ["POST /v1/predictions", "POST /v1/predictions", "GET /v1/model", "GET unknown"]
    assert spans[0].trace_id.hex() == spans[1].trace_id.hex() == TRACE
    fast, framework, model, _ = (
        {one.key: one.value.string_value or one.value.int_value for one in span.attributes} for span in spans
    )
    assert fast | {"closecast.request_id": ""} == framework | {"closecast.request_id": ""}
    assert model["http.response.status_code"] == 200
    assert model["closecast.request_id"] == "this-one"
    assert KEY not in str(received)


def test_without_an_endpoint_nothing_is_traced() -> None:
    assert traces.provider({}) is None
    assert traces.provider({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}) is None
