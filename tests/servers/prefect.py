"""A Prefect server on SQLite."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.processes import free_port, made_folder, running


@pytest.fixture(scope="session")
def prefect_api(server_folder: Path) -> Iterator[str]:
    port = free_port()
    folder = made_folder(server_folder, "prefect")
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    environment = {
        "PREFECT_HOME": str(folder),
        "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{folder / 'prefect.db'}",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }
    with running(command, environment, f"http://127.0.0.1:{port}/api/health", folder):
        yield f"http://127.0.0.1:{port}/api"
