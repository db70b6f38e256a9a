"""The compared servers: how each is started, its requests, and where its answer has the probability."""

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import lightgbm
import numpy as np

from benchmarks.serving import environments, process
from benchmarks.serving.load import Target
from benchmarks.serving.model import Subject, feature_names
from benchmarks.serving.process import Process
from closecast.features import NAMES
from ops.errors import OperatorError
from ops.paths import PROJECT

APPS = PROJECT / "benchmarks" / "serving" / "apps"
HOST = "127.0.0.1"
_UVICORN = ("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning")


@dataclass(frozen=True)
class Peer:
    """Another server of the booster. `command` and `settings` get the folder, the subject and the port."""

    name: str
    environment: environments.PeerEnvironment | None  # None: this project's own
    command: Callable[[Path, Subject, int], Sequence[str | Path]]
    ready: str
    path: str
    body: Callable[[list[float]], Any]
    answer: Callable[[Any], float]
    settings: dict[str, str] = field(default_factory=dict)


def _mlflow(folder: Path, subject: Subject, port: int) -> Sequence[str | Path]:
    import mlflow.lightgbm

    logging.getLogger("mlflow").setLevel(logging.ERROR)  # it misses a pip that nothing here uses
    kept = folder / "mlflow-model"
    # Without a signature the server checks no columns, which is its fastest mode.
    mlflow.lightgbm.save_model(
        lightgbm.Booster(model_file=str(subject.booster)), str(kept), pip_requirements=["lightgbm"]
    )
    program = environments.MLFLOW.bin / "mlflow"
    return [program, "models", "serve", "-m", kept, "--env-manager", "local", "-h", HOST, "-p", str(port), "-w", "1"]


def _mlserver(folder: Path, subject: Subject, port: int) -> Sequence[str | Path]:
    implementation, uri = "mlserver_lightgbm.LightGBMModel", str(subject.booster)
    model = {"name": "deals", "implementation": implementation, "parameters": {"uri": uri}}
    (folder / "model-settings.json").write_text(json.dumps(model))
    # No worker processes: its inference pool costs more than one core gains. Access log off.
    settings = {
        "host": HOST,
        "http_port": port,
        "grpc_port": process.free_port(),
        "metrics_port": process.free_port(),
        "parallel_workers": 0,
        "debug": False,
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    return [environments.MLSERVER.bin / "mlserver", "start", folder]


def _bentoml(_folder: Path, _subject: Subject, port: int) -> Sequence[str | Path]:
    served: list[str | Path] = [
        "serve",
        "bento_service:Deals",
        "--working-dir",
        APPS,
        "--host",
        HOST,
        "--port",
        str(port),
    ]
    return [environments.BENTOML.bin / "bentoml", *served]


def _fastapi(_folder: Path, _subject: Subject, port: int) -> Sequence[str | Path]:
    program = environments.FASTAPI.bin / "uvicorn"
    return [program, "fastapi_app:app", "--app-dir", APPS, "--host", HOST, "--port", str(port), *_UVICORN]


def _echo(_folder: Path, _subject: Subject, port: int) -> Sequence[str | Path]:
    return [
        Path(sys.executable).with_name("uvicorn"),
        "benchmarks.serving.apps.echo:echo",
        *("--host", HOST, "--port", str(port), *_UVICORN),
    ]


PEERS = (
    Peer(
        "mlflow models serve",
        environments.MLFLOW,
        _mlflow,
        "/ping",
        "/invocations",
        lambda row: {"dataframe_split": {"columns": list(NAMES), "data": [row]}},
        lambda answered: answered["predictions"][0],
    ),
    Peer(
        "BentoML",
        environments.BENTOML,
        _bentoml,
        "/readyz",
        "/predict",
        lambda row: {"features": row},
        float,
        {"BENTOML_DO_NOT_TRACK": "True"},
    ),
    Peer(
        "MLServer",
        environments.MLSERVER,
        _mlserver,
        "/v2/models/deals/ready",
        "/v2/models/deals/infer",
        lambda row: {"inputs": [{"name": "deals", "shape": [1, len(row)], "datatype": "FP64", "data": row}]},
        lambda answered: answered["outputs"][0]["data"][0],
    ),
    Peer(
        "FastAPI + pydantic",
        environments.FASTAPI,
        _fastapi,
        "/openapi.json",
        "/predict",
        lambda row: dict(zip(NAMES, row, strict=True)),
        lambda answered: answered["probability"],
    ),
)
ECHO = Peer("ASGI echo", None, _echo, "", "/v1/predictions", lambda row: row, float)


@contextmanager
def running(peer: Peer, subject: Subject, folder: Path, core: int) -> Iterator[tuple[Process, Target]]:
    """Run the peer on `core`, and check that it gives the booster's answer to the first deal."""
    folder.mkdir(parents=True, exist_ok=True)
    port = process.free_port()
    own = peer.environment.bin if peer.environment else Path(sys.executable).parent
    variables = {
        "PATH": f"{own}{os.pathsep}{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
        **peer.settings,
        "BENCH_BOOSTER": str(subject.booster),
        "BENCH_FEATURES": str(feature_names(folder)),
        "BENTOML_HOME": str(folder),
        **({"PYTHONPATH": ""} if peer.environment else {}),
    }
    server = process.start(peer.command(folder, subject, port), variables, folder / "server.log", [core])
    try:
        base = f"http://{HOST}:{port}"
        server.until_ready(f"{base}{peer.ready}" if peer.ready else f"tcp://{HOST}:{port}")
        bodies = [json.dumps(peer.body(row)).encode() for row in subject.features.tolist()]
        target = Target(base + peer.path, {"Content-Type": "application/json"}, bodies)
        if peer is not ECHO:
            _require_same(peer, target, subject)
        yield server, target
    finally:
        server.end()


def _require_same(peer: Peer, target: Target, subject: Subject) -> None:
    answer = httpx.post(target.url, content=target.bodies[0], headers=target.headers, timeout=30)
    if answer.status_code != 200:
        raise OperatorError(f"{peer.name} answered {answer.status_code}: {answer.text[:500]}", "mend the benchmark")
    answered = peer.answer(answer.json())
    if not np.isclose(answered, subject.expected[0], rtol=1e-9):
        raise OperatorError(f"{peer.name} says {answered}, the booster {subject.expected[0]}", "mend the benchmark")
