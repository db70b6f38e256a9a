"""Prefect's real server and worker behind `python -m services.prefect`, on PostgreSQL."""

import sys
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest

from closecast.platform.prefect_http import PrefectAuth
from services.prefect import WORK_POOL
from tests.servers.processes import free_port, running
from tests.waiting import awaited

pytestmark = pytest.mark.integration
_AUTH = "closecast:the password of this test"


def _workers(api: str) -> list[tuple[str, str]]:
    """Name and status of each worker of the pool, once there is one: the worker is healthy before it has joined."""
    url = f"{api}/work_pools/{WORK_POOL}/workers/filter"

    def look() -> list[tuple[str, str]]:
        answer = httpx.post(url, json={}, auth=PrefectAuth(_AUTH), timeout=30)
        if answer.status_code == 404:  # the pool itself is made by its first worker
            return []
        return [(one["name"], one["status"]) for one in answer.raise_for_status().json()]

    return awaited(look, pause=0.2)


def test_a_worker_joins_the_pool_of_a_server_on_postgresql(postgres_url: str, tmp_path: Path) -> None:
    # given
    password = postgres_url.partition("//mlflow:")[2].partition("@")[0]
    database = postgres_url.replace("//mlflow:", "//prefect:").removesuffix("/mlflow") + "/prefect"
    port, health = free_port(), free_port()
    api = f"http://127.0.0.1:{port}/api"
    common = {
        "CLOSECAST_HOST": "127.0.0.1",
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
    }
    server = {
        **common,
        "CLOSECAST_PORT": str(port),
        "PREFECT_HOME": str(_folder(tmp_path, "server")),
        "PREFECT_SERVER_API_AUTH_STRING": _AUTH,
        "PREFECT_API_DATABASE_CONNECTION_URL": database.replace("postgresql://", "postgresql+asyncpg://"),
    }
    worker = {
        **common,
        "CLOSECAST_PORT": str(health),
        "PREFECT_HOME": str(_folder(tmp_path, "worker")),
        "PREFECT_API_URL": api,
        "PREFECT_API_AUTH_STRING": _AUTH,
    }
    command = [sys.executable, "-m", "services.prefect"]
    # when
    with (
        running([*command, "server"], server, f"{api}/health", tmp_path / "server") as pid,
        running([*command, "worker"], worker, f"http://127.0.0.1:{health}/health", tmp_path / "worker"),
    ):
        # then
        assert _workers(api) == [("nomad", "ONLINE")]
        with psycopg.connect(database) as connection:
            pools = connection.execute("SELECT type FROM work_pool WHERE name = %s", [WORK_POOL]).fetchall()
        assert pools == [("process",)]
        lines = [" ".join(one.cmdline()) for one in (psutil.Process(pid), *psutil.Process(pid).children(True))]
        assert len(password) == 32
        assert not [line for line in lines if password in line or _AUTH in line]


def _folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder
