"""The measured server: `python -m services.api` as its Nomad job runs it, and its requests."""

import hashlib
import json
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np

from benchmarks.serving import process
from benchmarks.serving.load import Target
from benchmarks.serving.model import Subject
from benchmarks.serving.process import Process
from ops.errors import OperatorError

HOST = "127.0.0.1"
KEY = secrets.token_hex(32)
HEADERS = {"Content-Type": "application/json", "X-API-Key": KEY}


@dataclass(frozen=True)
class Instance:
    """One running instance, and its requests for single predictions."""

    process: Process
    base: str
    target: Target


def start(subject: Subject, folder: Path, environment: dict[str, str], cores: list[int] | None = None) -> Instance:
    """Start one instance with the champion of the registry in `environment`, or of its cache in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    port = process.free_port()
    variables = {
        **environment,
        "CLOSECAST_HOST": HOST,
        "CLOSECAST_PORT": str(port),
        "CLOSECAST_MODEL_CACHE": str(folder / "models"),
        "CLOSECAST_API_KEY_SHA256": hashlib.sha256(KEY.encode()).hexdigest(),
        # Counted as usual, but never used up: consecutive batches exceed the default limits.
        "CLOSECAST_RATE_LIMITS": "admin=100000000/10",
    }
    server = process.start([sys.executable, "-m", "services.api"], variables, folder / "server.log", cores)
    base = f"http://{HOST}:{port}"
    return Instance(server, base, Target(f"{base}/v1/predictions", HEADERS, bodies(subject)))


@contextmanager
def running(subject: Subject, folder: Path, environment: dict[str, str], cores: list[int]) -> Iterator[Instance]:
    """Run one instance on `cores`, and check that it gives the model's answer to the first deal."""
    instance = start(subject, folder, environment, cores)
    try:
        instance.process.until_ready(f"{instance.base}/health/ready")
        answer = httpx.post(instance.target.url, content=instance.target.bodies[0], headers=HEADERS, timeout=30)
        if answer.status_code != 200:
            raise OperatorError(f"the API answered {answer.status_code}: {answer.text[:500]}", "mend the benchmark")
        answered = answer.json()["probability"]
        if not np.isclose(answered, subject.probabilities[0], rtol=1e-9):
            raise OperatorError(f"the API says {answered}, the model {subject.probabilities[0]}", "mend the benchmark")
        yield instance
    finally:
        instance.process.end()


def bodies(subject: Subject) -> list[bytes]:
    """One request body per deal: raw columns, by the end of the quarter."""
    asked = subject.deals[: len(subject.features)]
    return [json.dumps({"deal": _given(deal), "horizon": "quarter_end"}).encode() for deal in asked]


def _given(deal: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in deal.items() if value}
