"""Real servers for integration tests, one of each per session, on ephemeral loopback ports, ended by their own pid.

Fixtures (all session scoped, started only when asked for):
- `postgres_url`: "postgresql://mlflow:<password>@127.0.0.1:<port>/mlflow", from `python -m services.postgres`.
- `database_url`: the same server's database `closecast`, its tables as `closecast.platform.database.migrate` leaves them.
- `alerts_url`:   that database for the role of the service `alerts`.
- `promotion_lock`: that database for the role that takes the lock of promotions there, and may do nothing else.
- `valkey_url`:   "redis://:<password>@127.0.0.1:<port>/0", from `python -m services.cache`.
- `mlflow_uri`:   "http://127.0.0.1:<port>", an MLflow server on SQLite that serves its artifacts through its proxy.
- `mlflow_on_s3`: the same on PostgreSQL, its artifacts in the bucket of `s3`. Both ask for no password.
- `guarded`:      that, as it is deployed, from `python -m services.mlflow`: behind its door, with three users.
- `s3`:           S3(endpoint, access_key, secret_key, region, bucket), LocalStack's, with an empty bucket of this session;
                  `s3.environment` holds the variables a process needs to find it.
- `prefect_api`:  "http://127.0.0.1:<port>/api", a Prefect server on SQLite.
"""

import base64
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from closecast.platform.database import migrate
from closecast.platform.mlflow.registry import ModelRegistry
from closecast.platform.nomad.discovery import wait_for
from closecast.platform.settings import DatabaseSettings, Login
from services.mlflow.__main__ import WEBHOOKS
from tests.waiting import until

PROJECT = Path(__file__).resolve().parents[1]
LOCALSTACK_PYTHON = PROJECT / ".venv-localstack" / "bin" / "python"
_PORTS = range(10_000, 20_000)  # below what systems give out by themselves, and below Nomad's
# None of these may leak into a server under test: they point elsewhere, or name certificates it does not need.
_DROPPED = (
    "AWS_CA_BUNDLE",
    "PREFECT_API_URL",
    "MLFLOW_TRACKING_URI",
    "MLFLOW_TRACKING_USERNAME",
    "MLFLOW_TRACKING_PASSWORD",
    "COVERAGE_PROCESS_START",
)


@dataclass(frozen=True)
class S3:
    """A bucket on LocalStack and what it takes to reach it."""

    endpoint: str
    access_key: str
    secret_key: str
    region: str
    bucket: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": self.region,
            "CLOSECAST_LAKE_BUCKET": self.bucket,
        }


def free_port() -> int:
    """A loopback port nobody listens on now.

    Not one that the system gives out by itself: until a server is up that was told of it, any connection could get it.
    """
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def free_ports(count: int) -> int:
    """The first of `count` neighbouring loopback ports that nobody listens on now, below those that systems hand out."""
    while True:
        first = random.randrange(10_000, 20_000)
        with ExitStack() as probes:
            try:
                for port in range(first, first + count):
                    probes.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return first


def refuse_in_unit_tests() -> None:
    """Fail the unit test that is running, if one is: it would start a server."""
    if os.environ.get("PYTEST_CURRENT_TEST", "").startswith("tests/unit/"):
        pytest.fail("unit tests start no server: this test belongs into tests/integration")


@contextmanager
def running(command: list[str], environment: dict[str, str], ready: str, folder: Path) -> Iterator[int]:
    """The pid of `command`, run in a session of its own in `folder` once `ready` answers; ended on the way out."""
    refuse_in_unit_tests()
    inherited = {name: value for name, value in os.environ.items() if name not in _DROPPED}
    path = os.pathsep.join(filter(None, [str(PROJECT), inherited.get("PYTHONPATH")]))
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**inherited, "PYTHONPATH": path, "NO_PROXY": "127.0.0.1,localhost", **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_for(ready, seconds=120)
        if process.poll() is not None:
            pytest.fail(f"{command} ended with {process.returncode}:\n{log.read_text()[-3000:]}")
        yield process.pid
    except Exception as error:
        error.add_note(f"the end of {log}:\n{log.read_text(errors='replace')[-3000:]}")
        raise
    finally:
        _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """The whole process group: some of these servers start workers."""
    for step in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, step)
            process.wait(timeout=10)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A folder that an unprivileged account can traverse: as root, PostgreSQL runs as one."""
    folder = Path(tempfile.mkdtemp(prefix="closecast-servers-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_url(server_folder: Path) -> Iterator[str]:
    password = secrets.token_hex(16)
    port = free_port()
    environment = {
        "CLOSECAST_HOST": "127.0.0.1",
        "CLOSECAST_PORT": str(port),
        "CLOSECAST_POSTGRES_FOLDER": str(server_folder / "postgres"),
        "POSTGRES_SUPERUSER_PASSWORD": password,
        "POSTGRES_MLFLOW_PASSWORD": password,
        "POSTGRES_PREFECT_PASSWORD": password,
        "POSTGRES_CLOSECAST_PASSWORD": password,
        "POSTGRES_PROMOTER_PASSWORD": password,
        "POSTGRES_MONITOR_PASSWORD": password,
        "POSTGRES_SHADOW_PASSWORD": password,
        "POSTGRES_ALERTS_PASSWORD": password,
    }
    command = [sys.executable, "-m", "services.postgres"]
    with running(command, environment, f"tcp://127.0.0.1:{port}", _folder(server_folder, "postgres-log")):
        url = f"postgresql://mlflow:{password}@127.0.0.1:{port}/mlflow"
        until_postgres_accepts(url)
        yield url


@pytest.fixture(scope="session")
def database_url(postgres_url: str) -> str:
    url = postgres_url.replace("//mlflow:", "//closecast:").removesuffix("/mlflow") + "/closecast"
    migrate(url)
    return url


@pytest.fixture(scope="session")
def promotion_lock(database_url: str) -> DatabaseSettings:
    return DatabaseSettings(database_url.replace("//closecast:", "//promoter:"))


@pytest.fixture(scope="session")
def monitoring_url(database_url: str) -> str:
    return database_url.replace("//closecast:", "//monitor:")


@pytest.fixture(scope="session")
def shadow_url(database_url: str) -> str:
    return database_url.replace("//closecast:", "//shadow:")


@pytest.fixture(scope="session")
def alerts_url(database_url: str) -> str:
    return database_url.replace("//closecast:", "//alerts:")


@pytest.fixture(scope="session")
def valkey_url(server_folder: Path) -> Iterator[str]:
    port, password = free_port(), secrets.token_hex(16)
    environment = {
        "CLOSECAST_HOST": "127.0.0.1",
        "CLOSECAST_PORT": str(port),
        "CLOSECAST_CACHE_FOLDER": str(server_folder / "valkey"),
        "CACHE_PASSWORD": password,
    }
    command = [sys.executable, "-m", "services.cache"]
    with running(command, environment, f"tcp://127.0.0.1:{port}", _folder(server_folder, "valkey-log")):
        yield f"redis://:{password}@127.0.0.1:{port}/0"


def until_postgres_accepts(url: str) -> None:
    """It takes connections on its port before it lets anybody in."""
    import psycopg

    refusals: list[Exception] = []

    def accepts() -> bool:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError as error:
            refusals.append(error)
            return False
        return True

    until(accepts, told=lambda: refusals[-1:], pause=0.1)


@pytest.fixture(scope="session")
def mlflow_uri(server_folder: Path) -> Iterator[str]:
    port = free_port()
    folder = _folder(server_folder, "mlflow")
    with _mlflow(port, f"sqlite:///{folder / 'mlflow.db'}", str(folder / "artifacts"), {}, folder):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def mlflow_on_s3(server_folder: Path, postgres_url: str, s3: S3) -> Iterator[str]:
    port = free_port()
    store = f"postgresql+psycopg{postgres_url.removeprefix('postgresql')}"
    with mlflow_server(port, store, s3.environment, s3.bucket, _folder(server_folder, "mlflow-on-s3")):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def mlflow_server(port: int, store: str, object_store: dict[str, str], bucket: str, folder: Path) -> Iterator[int]:
    """The pid of an MLflow server at `port` that asks for no password."""
    with _mlflow(port, store, f"s3://{bucket}/mlflow", object_store, folder) as pid:
        yield pid


@contextmanager
def _mlflow(port: int, store: str, artifacts: str, environment: dict[str, str], folder: Path) -> Iterator[int]:
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "1",
        "--serve-artifacts",
        "--artifacts-destination",
        artifacts,
    ]
    environment = {
        **environment,
        "MLFLOW_BACKEND_STORE_URI": store,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        **WEBHOOKS,
        "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    }
    with running(command, environment, f"http://127.0.0.1:{port}/health", folder) as pid:
        yield pid


@dataclass(frozen=True)
class Guarded:
    """An MLflow server behind its door, its users, and the file in which it reads where webhooks may lead."""

    uri: str
    pid: int
    people: Login
    api: Login
    reader: Login
    addresses: Path
    log: Path

    def client(self, login: Login | None = None, **options: Any) -> httpx.Client:
        """Of a user, `people` unless named."""
        shown = login or self.people
        return httpx.Client(
            base_url=self.uri, auth=(shown.user, shown.password), trust_env=False, timeout=60, **options
        )

    def environment(self, login: Login) -> dict[str, str]:
        """What MLflow's own client needs to be that user."""
        return {
            "MLFLOW_TRACKING_URI": self.uri,
            "MLFLOW_TRACKING_USERNAME": login.user,
            "MLFLOW_TRACKING_PASSWORD": login.password,
        }

    def lead_to(self, *addresses: str) -> None:
        """What Nomad writes when the API's instances are at `addresses`."""
        self.addresses.write_text(f"CLOSECAST_API_URLS={''.join(f'{one},' for one in addresses)}\n")


@contextmanager
def guarded_mlflow(postgres_url: str, s3: S3, folder: Path) -> Iterator[Guarded]:
    """As its job starts it."""
    port, passwords = free_port(), [secrets.token_urlsafe(32) for _ in range(3)]
    addresses = folder / "addresses"
    environment = {
        **s3.environment,
        "CLOSECAST_HOST": "127.0.0.1",
        "CLOSECAST_PORT": str(port),
        "CLOSECAST_ARTIFACTS_BUCKET": s3.bucket,
        "CLOSECAST_ADDRESSES": str(addresses),
        "CLOSECAST_MLFLOW_PASSWORD": passwords[0],
        "CLOSECAST_MLFLOW_API_PASSWORD": passwords[1],
        "CLOSECAST_MLFLOW_READER_PASSWORD": passwords[2],
        "MLFLOW_BACKEND_STORE_URI": f"postgresql+psycopg{postgres_url.removeprefix('postgresql')}",
        "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    }
    uri, command = f"http://127.0.0.1:{port}", [sys.executable, "-m", "services.mlflow"]
    with running(command, environment, f"{uri}/health", folder) as pid:
        people, api, reader = (Login(*one) for one in zip(("closecast", "api", "reader"), passwords, strict=True))
        yield Guarded(uri, pid, people, api, reader, addresses, folder / "server.log")


@pytest.fixture(scope="session")
def guarded(server_folder: Path, postgres_url: str, s3: S3) -> Iterator[Guarded]:
    with guarded_mlflow(postgres_url, s3, _folder(server_folder, "mlflow-guarded")) as found:
        yield found


@pytest.fixture
def empty_registry(mlflow_uri: str) -> Iterator[ModelRegistry]:
    with emptied(mlflow_uri) as registry:
        yield registry


@contextmanager
def emptied(mlflow_uri: str) -> Iterator[ModelRegistry]:
    """The server is shared by the session: what other tests registered is taken out first, and then what this one did."""
    _empty(mlflow_uri)
    yield ModelRegistry(mlflow_uri)
    _empty(mlflow_uri)


def _empty(mlflow_uri: str) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(mlflow_uri)
    for model in client.search_registered_models():
        client.delete_registered_model(model.name)


@contextmanager
def localstack_server(
    port: int,
    access_key: str,
    secret_key: str,
    folder: Path,
    job_keys: str = "",
    buckets: tuple[str, str] = ("none", "none"),
) -> Iterator[int]:
    """The pid of a LocalStack at `port`, as its job starts it. The key opens all of it; `job_keys` (job:access:secret, with
    commas between) open what their jobs need in the buckets of the lake and of artifacts."""
    environment = {
        "CLOSECAST_HOST": "127.0.0.1",
        "CLOSECAST_PORT": str(port),
        "CLOSECAST_LOCALSTACK_STATE": str(folder / "state"),
        "CLOSECAST_OBJECT_STORE_ACCESS_KEY": access_key,
        "CLOSECAST_OBJECT_STORE_SECRET_KEY": secret_key,
        "CLOSECAST_OBJECT_STORE_JOB_KEYS": job_keys,
        "CLOSECAST_LAKE_BUCKET": buckets[0],
        "CLOSECAST_ARTIFACTS_BUCKET": buckets[1],
        "PYTHONPATH": "",
    }
    command = [str(LOCALSTACK_PYTHON), str(PROJECT / "localstack" / "run.py")]
    with running(command, environment, f"http://127.0.0.1:{port}/_localstack/health", folder) as pid:
        yield pid


@pytest.fixture(scope="session")
def s3(server_folder: Path) -> Iterator[S3]:
    import boto3
    from botocore.config import Config

    if not LOCALSTACK_PYTHON.exists():
        pytest.skip(
            f"LocalStack's environment {LOCALSTACK_PYTHON.parent.parent.name} is not there: run ./just test, which prepares it"
        )
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    # Other sessions' buckets must not meet this one's.
    found = S3(
        endpoint,
        f"LK{secrets.token_hex(9).upper()}",
        secrets.token_urlsafe(32),
        "us-east-1",
        f"closecast-test-{secrets.token_hex(6)}",
    )
    with localstack_server(port, found.access_key, found.secret_key, _folder(server_folder, "localstack")):
        client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id=found.access_key,
            aws_secret_access_key=found.secret_key,
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}),
        )
        client.create_bucket(Bucket=found.bucket)
        yield found
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=found.bucket):
            for entry in page.get("Contents", []):
                client.delete_object(Bucket=found.bucket, Key=entry["Key"])
        client.delete_bucket(Bucket=found.bucket)


@pytest.fixture(scope="session")
def prefect_api(server_folder: Path) -> Iterator[str]:
    port = free_port()
    folder = _folder(server_folder, "prefect")
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    environment = {
        "PREFECT_HOME": str(folder),
        "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{folder / 'prefect.db'}",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }
    with running(command, environment, f"http://127.0.0.1:{port}/api/health", folder):
        yield f"http://127.0.0.1:{port}/api"


def _folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder
