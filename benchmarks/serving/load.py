"""Closed-loop load by wrk: 8 connections that each send the next deal as soon as the last is answered."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving import process
from ops.errors import OperatorError

CONNECTIONS = 8
# The bodies alternate, so that no server can reuse its last answer. Percentiles are in microseconds.
_SCRIPT = """\
local requests, at = {}, 0
function init(arguments)
  for line in io.lines(arguments[1]) do
    local name, value = line:match("^([^:{]+): (.*)$")
    if name then wrk.headers[name] = value
    else requests[#requests + 1] = wrk.format("POST", nil, nil, line) end
  end
end
function request()
  at = at % #requests + 1
  return requests[at]
end
function done(summary, latency)
  local wrong = summary.errors
  io.write(string.format(
    '\\n{"requests": %d, "microseconds": %d, "p50": %d, "p90": %d, "p99": %d, "max": %d, "failed": %d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(90), latency:percentile(99),
    latency.max, wrong.connect + wrong.read + wrong.write + wrong.status + wrong.timeout))
end
"""


@dataclass(frozen=True)
class Target:
    """The target of requests, and their headers and bodies. Bodies are JSON in one line each."""

    url: str
    headers: dict[str, str]
    bodies: Sequence[bytes]


@dataclass(frozen=True)
class Closed:
    """wrk's results: answers per second, and latencies in milliseconds."""

    rate: float
    p50: float
    p90: float
    p99: float
    failed: int
    seconds: float


def require_wrk() -> str:
    """Find wrk. Raises OperatorError saying how to get it."""
    found = shutil.which("wrk")
    if found is None:
        raise OperatorError("wrk is not on PATH: it makes the load", "apt-get install wrk, or brew install wrk")
    return found


def closed(target: Target, seconds: float, cores: Sequence[int], folder: Path) -> Closed:
    """Load `target` for `seconds` from `cores`.

    Raises OperatorError when a request fails, because refusals are fast.
    """
    script, bodies, log = folder / "load.lua", folder / "bodies.txt", folder / "wrk.log"
    script.write_text(_SCRIPT)
    lines = [f"{name}: {value}".encode() for name, value in target.headers.items()]
    bodies.write_bytes(b"\n".join([*lines, *target.bodies]) + b"\n")
    log.write_bytes(b"")
    command: list[str | Path] = [
        require_wrk(),
        "-t1",
        f"-c{CONNECTIONS}",
        f"-d{seconds:.0f}s",
        "-s",
        script,
        target.url,
        "--",
        bodies,
    ]
    running = process.start(command, {}, log, cores, at_once=True)
    code = running.popen.wait(seconds + 30)
    found = [line for line in log.read_text().splitlines() if line.startswith("{")]
    if code or not found:
        raise OperatorError(f"wrk ended with {code}: {running.tail()}", "mend the benchmark")
    printed = json.loads(found[-1])
    if printed["failed"]:
        raise OperatorError(
            f"{printed['failed']} of {printed['requests']} requests to {target.url} failed", "read that server's log"
        )
    taken = printed["microseconds"] / 1e6
    return Closed(
        printed["requests"] / taken,
        printed["p50"] / 1e3,
        printed["p90"] / 1e3,
        printed["p99"] / 1e3,
        printed["failed"],
        taken,
    )
