"""`just bench hostile [inputs=20000] [seed=1]`: send hostile requests to a real API and count findings.

The API is the service's own process, with a small model in its cache, and registry and database away. Each kind gets
the same number of inputs. Findings are a 5xx, except the 503 of an outage; a hang, an answer that takes longer than 20
s; a crash, the end of the process or a valid request that is not answered afterwards; a wrong 200, an answer below 400
to an input that must be refused.
"""

import hashlib
import http.client
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import arguments
from benchmarks.hostile_inputs import DEAL, JSON, KINDS, Input
from ops.paths import PROJECT

_KEY = "a key of the bench"
_PATIENCE_S = 20.0
_ASK_THE_DATABASE = (
    "/v1/outcomes",
    "/v1/keys",
    "/v1/audit",
    "/v1/predictions/0",
    "/v1/opinions",
    "/v1/users",
    "/v1/sign-in",
    "/sign-in",
    "/v1/alerts/silences",
)
_FINDINGS = ("5xx", "hangs", "crashes", "wrong 200s")


@dataclass(frozen=True)
class Server:
    """A running API."""

    process: "subprocess.Popen[bytes]"
    port: int


@contextmanager
def serving(cache: Path, log: Path) -> Iterator[Server]:
    """Run the service as it is deployed, with the model in `cache`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
        "CLOSECAST_MODEL_CACHE": str(cache),
        "CLOSECAST_API_KEY_SHA256": hashlib.sha256(_KEY.encode()).hexdigest(),
        "CLOSECAST_HOST": "127.0.0.1",
        "CLOSECAST_PORT": str(port),
        "CLOSECAST_WEBHOOK_SECRET": "s" * 32,
        "CLOSECAST_OWN_URL": f"http://127.0.0.1:{port}",
        "CLOSECAST_RATE_LIMITS": "viewer=1000000/1,scorer=1000000/1,admin=1000000/1",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.api"], cwd=PROJECT, env=environment, stdout=output, stderr=output
        )
    server = Server(process, port)
    try:
        end = time.monotonic() + 120
        while not _is_sound(server):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the API did not start: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.1)
        yield server
    finally:
        process.terminate()
        process.wait(30)


def _is_sound(server: Server) -> bool:
    """Whether a valid request gets a valid answer."""
    body = str({"deal": DEAL}).replace("'", '"').encode()
    return _status(server, Input("sound", headers={"Content-Type": JSON}, body=body)) == 200


def _status(server: Server, one: Input) -> int:
    """The answer's status; 0 for a connection that was closed without an answer. Raises TimeoutError."""
    try:
        if one.raw is not None:
            return _raw(server, one.raw)
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=_PATIENCE_S)
        headers = {**one.headers, **({"X-API-Key": _KEY} if one.has_key else {})}
        try:
            connection.request(one.method, one.path, one.body or None, headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()
    except TimeoutError:
        raise
    except (OSError, http.client.HTTPException):
        return 0


def _raw(server: Server, content: bytes) -> int:
    with socket.create_connection(("127.0.0.1", server.port), timeout=_PATIENCE_S) as connection:
        connection.sendall(content)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(1_000)
    return int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0


def tried(server: Server, seed: int, count: int) -> dict[str, Counter[str]]:
    """Send `count` inputs made from `seed`; returns numbers and findings by kind. Findings are printed."""
    found = {}
    for at, make in enumerate(KINDS):
        draw, counts = random.Random(f"{seed} {at}"), Counter[str]()
        for number in range(-(-count // len(KINDS))):
            one = make(draw)
            finding = _finding(server, one)
            counts["inputs"] += 1
            if finding is not None:
                counts[finding] += 1
                print(
                    f"{one.kind} {number} of seed {seed}: {finding}: {one.method} {one.path} {(one.raw or one.body)[:200]!r}"
                )
        if server.process.poll() is not None or not _is_sound(server):
            counts["crashes"] += 1
        found[one.kind] = counts
    return found


def _finding(server: Server, one: Input) -> str | None:
    try:
        status = _status(server, one)
    except TimeoutError:
        return "hangs"
    if status >= 500 and not (status == 503 and one.path.startswith(_ASK_THE_DATABASE)):
        return "5xx"
    return "wrong 200s" if one.wrong and 0 < status < 400 else None


def table(found: dict[str, Counter[str]], seed: int) -> str:
    """The results as a Markdown table."""
    lines = [f"| kind | inputs | {' | '.join(_FINDINGS)} |", "|---|" + "---:|" * (len(_FINDINGS) + 1)]
    total = sum(found.values(), Counter[str]())
    for kind, counts in [*found.items(), ("all", total)]:
        lines.append(f"| {kind} | {counts['inputs']:,} | {' | '.join(str(counts[name]) for name in _FINDINGS)} |")
    return "\n".join([f"Seed {seed}.", "", *lines, ""])


def keep_model(cache: Path) -> None:
    """Put a small model into `cache` as the service does."""
    from tests.models import made_up
    from tests.unit.services.api.conftest import keep

    keep(made_up(), cache)


def main(given: list[str]) -> int:
    chosen = arguments.read(
        given, inputs=arguments.whole(20_000, most=10_000_000), seed=arguments.whole(1, 0, most=2**32 - 1)
    )
    with tempfile.TemporaryDirectory(prefix="closecast-hostile-") as scratch:
        cache = Path(scratch, "models")
        cache.mkdir()
        keep_model(cache)
        with serving(cache, Path(scratch, "api.log")) as server:
            found = tried(server, chosen["seed"], chosen["inputs"])
    written = table(found, chosen["seed"])
    print(written)
    head = "# Hostile inputs\n\nMade by `just bench hostile`: requests to a real API process, and what must not happen.\n\n"
    (PROJECT / "benchmarks" / "hostile.md").write_text(head + written)
    return int(any(counts[name] for counts in found.values() for name in _FINDINGS))


if __name__ == "__main__":
    arguments.run(main)
