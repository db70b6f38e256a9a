"""The API's dependencies during measurements: PostgreSQL, Valkey, MLflow with the champion, S3, the journal."""

import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import psycopg

from benchmarks.serving import process
from benchmarks.serving.process import Process
from closecast.platform.database import migrate
from closecast.platform.mlflow import tracking
from closecast.platform.mlflow.registry import MODEL_FOLDER, ModelRegistry
from ops.errors import OperatorError
from ops.paths import PROJECT, VENV_LOCALSTACK

HOST = "127.0.0.1"
_SETTLE_SECONDS = 300
_IDLE_SHARE = 0.2  # of a core, all together


@dataclass
class Dependency:
    """A server that the API or the journal needs; `begin` starts it, again on the same port and data."""

    name: str
    command: Sequence[str | Path]
    environment: dict[str, str]
    ready: str
    folder: Path
    cores: list[int] | None
    process: Process | None = None

    def begin(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process = process.start(self.command, self.environment, self.folder / "server.log", self.cores)
        self.process.until_ready(self.ready)

    def end(self) -> None:
        if self.process is not None:
            self.process.end()


@dataclass
class Stack:
    """The running servers by name, and the variables with their addresses."""

    servers: dict[str, Dependency] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    database_url: str = ""


def settle(stack: Stack, server: Process) -> None:
    """Wait until earlier predictions are recorded, and `server` and its dependencies are idle.

    Raises OperatorError when they are still at it after some minutes.
    """
    watched = [server, *(one.process for one in stack.servers.values() if one.process is not None)]
    deadline = time.monotonic() + _SETTLE_SECONDS
    used = float("inf")
    while time.monotonic() < deadline:
        before = sum(map(Process.cpu, watched))
        time.sleep(1)
        used = sum(map(Process.cpu, watched)) - before
        if used < _IDLE_SHARE:
            return
    raise OperatorError(
        f"the servers still use {used:.0%} of a core after {_SETTLE_SECONDS} s", "look what they are at: top"
    )


@contextmanager
def running(models: Path, cores: list[int] | None) -> Iterator[Stack]:
    """Run all of them on `cores`, with the model in `models` as champion; deletes their data afterwards."""
    root = Path(tempfile.mkdtemp(prefix="closecast-bench-"))
    root.chmod(0o755)  # as root, PostgreSQL runs as another account, which must get through
    stack = Stack()
    with ExitStack() as ending:
        ending.callback(shutil.rmtree, root, ignore_errors=True)
        for build in (_postgres, _valkey, _mlflow, _localstack, _journal):
            server = build(stack, root, cores)
            if server is None:
                continue
            ending.callback(server.end)
            server.begin()
            stack.servers[server.name] = server
            if server.name == "database":
                _migrate(stack.database_url)
            if server.name == "registry":
                promote(stack, models)
        yield stack


@contextmanager
def database() -> Iterator[str]:
    """Run a PostgreSQL alone, migrated, and give its address; deletes its data afterwards."""
    root = Path(tempfile.mkdtemp(prefix="closecast-bench-"))
    root.chmod(0o755)
    stack = Stack()
    server = _postgres(stack, root, None)
    try:
        server.begin()
        _migrate(stack.database_url)
        yield stack.database_url
    finally:
        server.end()
        shutil.rmtree(root, ignore_errors=True)


def promote(stack: Stack, model: Path) -> str:
    """Make the model in the folder `model` the champion, and return its version."""
    version = register(stack, model, {"source": "benchmark"})
    ModelRegistry(stack.environment["MLFLOW_TRACKING_URI"]).promote(version)
    return version


def register(stack: Stack, model: Path, tags: dict[str, str]) -> str:
    """Register the model in the folder `model`, with `tags` on run and version, and return its version."""
    uri = stack.environment["MLFLOW_TRACKING_URI"]
    with tracking.started(uri, "benchmark") as run:
        run.log({}, {}, tags)
        run.log_folder(model, MODEL_FOLDER)
    return ModelRegistry(uri).register(run.run_id, tags)


def _address(port: int) -> dict[str, str]:
    return {"CLOSECAST_HOST": HOST, "CLOSECAST_PORT": str(port)}


def _postgres(stack: Stack, root: Path, cores: list[int] | None) -> Dependency:
    port, password = process.free_port(), secrets.token_hex(16)
    stack.database_url = f"postgresql://closecast:{password}@{HOST}:{port}/closecast"
    stack.environment["CLOSECAST_DATABASE_URL"] = stack.database_url
    variables = {**_address(port), "CLOSECAST_POSTGRES_FOLDER": str(root / "postgres")}
    for role in ("SUPERUSER", "CLOSECAST"):
        variables[f"POSTGRES_{role}_PASSWORD"] = password
    command = [sys.executable, "-m", "services.postgres"]
    return Dependency("database", command, variables, f"tcp://{HOST}:{port}", root / "database", cores)


def _valkey(stack: Stack, root: Path, cores: list[int] | None) -> Dependency:
    port, password = process.free_port(), secrets.token_hex(16)
    stack.environment["CLOSECAST_CACHE_URL"] = f"redis://:{password}@{HOST}:{port}/0"
    variables = {**_address(port), "CLOSECAST_CACHE_FOLDER": str(root / "valkey"), "CACHE_PASSWORD": password}
    command = [sys.executable, "-m", "services.cache"]
    return Dependency("cache", command, variables, f"tcp://{HOST}:{port}", root / "cache", cores)


def _mlflow(stack: Stack, root: Path, cores: list[int] | None) -> Dependency:
    port, folder = process.free_port(), root / "registry"
    stack.environment["MLFLOW_TRACKING_URI"] = f"http://{HOST}:{port}"
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--host",
        HOST,
        "--port",
        str(port),
        "--workers",
        "1",
        "--backend-store-uri",
        f"sqlite:///{folder / 'mlflow.db'}",
        "--artifacts-destination",
        str(folder / "artifacts"),
        "--serve-artifacts",
    ]
    variables = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    return Dependency("registry", command, variables, f"http://{HOST}:{port}/health", folder, cores)


def _localstack(stack: Stack, root: Path, cores: list[int] | None) -> Dependency | None:
    python = VENV_LOCALSTACK / "bin" / "python"
    if not python.exists():
        return None
    port, folder = process.free_port(), root / "object-store"
    endpoint = f"http://{HOST}:{port}"
    stack.environment |= {
        "AWS_ENDPOINT_URL_S3": endpoint,
        "AWS_ACCESS_KEY_ID": f"LK{secrets.token_hex(9).upper()}",
        "AWS_SECRET_ACCESS_KEY": secrets.token_urlsafe(32),
        "AWS_REGION": "us-east-1",
        "CLOSECAST_LAKE_BUCKET": f"closecast-bench-{secrets.token_hex(6)}",
    }
    variables = {
        **_address(port),
        "CLOSECAST_LOCALSTACK_STATE": str(folder / "state"),
        "PYTHONPATH": "",
        "CLOSECAST_OBJECT_STORE_ACCESS_KEY": stack.environment["AWS_ACCESS_KEY_ID"],
        "CLOSECAST_OBJECT_STORE_SECRET_KEY": stack.environment["AWS_SECRET_ACCESS_KEY"],
        "CLOSECAST_OBJECT_STORE_JOB_KEYS": "",
        "CLOSECAST_LAKE_BUCKET": stack.environment["CLOSECAST_LAKE_BUCKET"],
        "CLOSECAST_ARTIFACTS_BUCKET": "none",
    }
    command: list[str | Path] = [python, PROJECT / "localstack" / "run.py"]
    return Dependency("object store", command, variables, f"{endpoint}/_localstack/health", folder, cores)


def _journal(stack: Stack, root: Path, cores: list[int] | None) -> Dependency | None:
    if find_spec("services.journal") is None or "CLOSECAST_LAKE_BUCKET" not in stack.environment:
        return None
    ensure_bucket(stack)
    port = process.free_port()
    variables = {**_address(port), **stack.environment, "CLOSECAST_CONSUMER": "benchmark"}
    command = [sys.executable, "-m", "services.journal"]
    return Dependency("journal", command, variables, f"tcp://{HOST}:{port}", root / "journal", cores)


def ensure_bucket(stack: Stack) -> None:
    """Create the bucket, which LocalStack loses when it ends."""
    import boto3
    from botocore.config import Config

    found = stack.environment
    client = boto3.client(
        "s3",
        endpoint_url=found["AWS_ENDPOINT_URL_S3"],
        aws_access_key_id=found["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=found["AWS_SECRET_ACCESS_KEY"],
        region_name=found["AWS_REGION"],
        config=Config(s3={"addressing_style": "path"}),
    )
    if found["CLOSECAST_LAKE_BUCKET"] not in [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]:
        client.create_bucket(Bucket=found["CLOSECAST_LAKE_BUCKET"])


def _migrate(url: str) -> None:
    """Migrate the database, with retries: PostgreSQL's port is open before it accepts logins."""
    deadline = time.monotonic() + 60
    while True:
        try:
            migrate(url)
            return
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise OperatorError(f"PostgreSQL let nobody in for a minute: {error}", "read its log") from error
            time.sleep(0.1)
