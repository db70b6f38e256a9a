"""PostgreSQL and Valkey, as their jobs start them.

- `postgres_url`: "postgresql://mlflow:<password>@127.0.0.1:<port>/mlflow".
- `database_url`: the same server's database `closecast`, with its tables, for their owner.
- `promotion_lock`, `monitoring_url`, `shadow_url`, `alerts_url`: that database, for the roles of these names.
- `valkey_url`: "redis://:<password>@127.0.0.1:<port>/0".
"""

import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from closecast.platform.database import migrate
from closecast.platform.settings import DatabaseSettings
from tests.servers.processes import free_port, made_folder, running
from tests.waiting import until


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
    with running(command, environment, f"tcp://127.0.0.1:{port}", made_folder(server_folder, "postgres-log")):
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
    with running(command, environment, f"tcp://127.0.0.1:{port}", made_folder(server_folder, "valkey-log")):
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
