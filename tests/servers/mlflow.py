"""MLflow servers.

- `mlflow_uri`: on SQLite, with its artifacts behind its proxy.
- `mlflow_on_s3`: on PostgreSQL, with its artifacts in the bucket of `s3`. Both ask for no password.
- `guarded`: that, as its job starts it, with three users.
"""

import base64
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from closecast.platform.mlflow.registry import ModelRegistry
from closecast.platform.settings import Login
from services.mlflow.__main__ import WEBHOOKS
from tests.servers.localstack import S3
from tests.servers.processes import free_port, made_folder, running


@pytest.fixture(scope="session")
def mlflow_uri(server_folder: Path) -> Iterator[str]:
    port = free_port()
    folder = made_folder(server_folder, "mlflow")
    with _mlflow(port, f"sqlite:///{folder / 'mlflow.db'}", str(folder / "artifacts"), {}, folder):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def mlflow_on_s3(server_folder: Path, postgres_url: str, s3: S3) -> Iterator[str]:
    port = free_port()
    store = f"postgresql+psycopg{postgres_url.removeprefix('postgresql')}"
    with mlflow_server(port, store, s3.environment, s3.bucket, made_folder(server_folder, "mlflow-on-s3")):
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
    with guarded_mlflow(postgres_url, s3, made_folder(server_folder, "mlflow-guarded")) as found:
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
