"""Open-loop load with `openloop.c`: a fixed rate whatever the server does, latencies measured from when a request was due.

wrk waits for each answer before the next request, so a stall hides the requests it delayed (coordinated omission).
Other generators were tried on one core: vegeta takes about 120 microseconds per request, three times this one, and
distorts the tail.
"""

import hashlib
import json
import shutil
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.serving import process
from benchmarks.serving.load import CONNECTIONS, Target
from benchmarks.serving.process import Process
from ops.errors import OperatorError
from ops.paths import cache

_SOURCE = Path(__file__).with_name("openloop.c")


@dataclass(frozen=True)
class Open:
    """The generator's results. Latencies and its own lag are in milliseconds, times in seconds from its start."""

    ok: int
    failed: int  # refused or unanswered
    refused: int  # answered with another status than 200
    unsent: int  # still due 10 s after the end
    seconds: float
    p50: float
    p90: float
    p99: float
    p999: float
    max: float
    lag_p99: float
    first_failure: float  # -1: none
    last_failure: float
    last_slow: float  # the last answer that took more than 100 ms


def generator() -> Path:
    """The compiled generator, rebuilt when its source has changed. Raises OperatorError when there is no C compiler."""
    digest = hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:8]
    program = cache() / f"openloop-{digest}"
    if not program.exists():
        compiler = shutil.which("cc")
        if compiler is None:
            raise OperatorError("there is no C compiler to make the load generator with", "apt-get install gcc")
        program.parent.mkdir(parents=True, exist_ok=True)
        partial = program.with_suffix(".partial")
        subprocess.run([compiler, "-O2", "-o", str(partial), str(_SOURCE)], check=True)
        partial.replace(program)
    return program


def begin(target: Target, rate: float, seconds: float, cores: Sequence[int], folder: Path) -> Process:
    """Start the load; `outcome` returns its results."""
    requests, log = folder / "requests.bin", folder / "openloop.log"
    requests.write_bytes(b"".join(_whole(target, body) for body in target.bodies))
    log.write_bytes(b"")
    port = str(urlsplit(target.url).port)
    command: list[str | Path] = [generator(), port, requests, f"{rate:.1f}", f"{seconds:.0f}", str(CONNECTIONS)]
    return process.start(command, {}, log, cores, at_once=True)


def outcome(running: Process, seconds: float) -> Open:
    """Wait for the load's end. Raises OperatorError when the generator failed."""
    code = running.popen.wait(seconds + 60)
    if code:
        raise OperatorError(f"the load generator ended with {code}: {running.tail()}", "mend the benchmark")
    printed = json.loads(running.log.read_text())
    latencies = {name: printed[name] / 1e3 for name in ("p50", "p90", "p99", "p999", "max", "lag_p99")}
    return Open(**{name: printed[name] for name in Open.__annotations__ if name not in latencies}, **latencies)


def steady(target: Target, rate: float, seconds: float, cores: Sequence[int], folder: Path) -> Open:
    """Load at `rate` for `seconds`. Raises OperatorError when a request fails or the server falls far behind."""
    found = outcome(begin(target, rate, seconds, cores, folder), seconds)
    if found.failed or found.unsent:
        raise OperatorError(
            f"at {rate:.0f} requests/s {found.failed} failed and {found.unsent} were never sent",
            "read the server's log",
        )
    return found


def _whole(target: Target, body: bytes) -> bytes:
    parts = urlsplit(target.url)
    lines = [f"POST {parts.path} HTTP/1.1", f"Host: {parts.netloc}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in target.headers.items()]
    request = "\r\n".join([*lines, "", ""]).encode() + body
    return struct.pack("=I", len(request)) + request
