"""What a process of the service has in it: every start and every instance pays for it."""

import subprocess
import sys

import pytest

_UNUSED = ("sklearn.", "scipy.stats", "numpy.f2py.", "opentelemetry.sdk.", "google.protobuf", "pydantic.", "attr.")


def _run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("module", ["services.api.__main__", "services.api.batch_worker"])
def test_no_process_of_the_service_imports_what_it_does_not_use(module: str) -> None:
    found = _run(
        f"import {module}, sys; print([name for name, found in sys.modules.items() if found and name.startswith({_UNUSED})])"
    )
    assert found == "[]\n"


def test_traces_can_be_sent_without_it() -> None:
    found = _run(
        "import services.api.__main__\n"
        "from services.api.traces import provider\n"
        "spans = provider({'OTEL_EXPORTER_OTLP_ENDPOINT': 'http://127.0.0.1:9'})\n"
        "print(type(spans).__name__)"
    )
    assert found == "TracerProvider\n"
