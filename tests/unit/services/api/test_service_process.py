"""What a process of the service has in it: every start and every instance pays for it."""

import subprocess
import sys

import pytest

_UNUSED = (
    "sklearn.", "scipy.stats", "numpy.f2py.", "opentelemetry.sdk.trace", "opentelemetry.sdk.metrics.", "google.protobuf",
    "pydantic.", "attr.",
)  # fmt: skip


@pytest.mark.parametrize(
    ("module", "words"),
    [("services.api", "CLOSECAST_HOST is not set"), ("services.api.batch_worker", "IndexError")],
)
def test_no_process_of_the_service_imports_what_it_does_not_use(module: str, words: str) -> None:
    # when: it is started as ever, and ends when it has imported everything, because it is told too little
    command = [sys.executable, "-X", "importtime", "-m", module]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env={})
    # then
    imported = [
        line.rpartition("|")[2].strip() for line in ended.stderr.splitlines() if line.startswith("import time:")
    ]
    assert words in ended.stderr
    assert "lightgbm.basic" in imported
    assert [name for name in imported if name.startswith(_UNUSED)] == []


def test_traces_can_be_sent_without_it() -> None:
    code = (
        "import services.api.left_out\n"
        "from services.api.traces import provider\n"
        "spans = provider({'OTEL_EXPORTER_OTLP_ENDPOINT': 'http://127.0.0.1:9'})\n"
        "print(type(spans).__name__)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "TracerProvider\n"
