"""Prefect's real server and worker of one test, on a PostgreSQL of its own, with a deployment of a small flow."""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from closecast.platform.prefect_http import PrefectAuth
from flows import deployments
from tests.killable import Database, Killable
from tests.waiting import awaited

# What flows do, in small: work in a task, then tell Prefect of it.
_FLOW = """
import time
from prefect import flow, task
from prefect.artifacts import create_markdown_artifact


@task
def work(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.1)


@flow(name="steady", timeout_seconds=7200)
def steady(seconds: float = 0.5) -> float:
    work(seconds)
    create_markdown_artifact(f"worked {seconds} s", key="steady-report")
    return seconds
"""


class Prefects:
    """A server and a worker, not started yet; `database` runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = Database(folder / "database")
        url = self.database.url.replace("//closecast:", "//prefect:").replace("/closecast", "/prefect")
        self.auth_string = f"closecast:{secrets.token_urlsafe(32)}"
        self.server = Killable(
            "services.prefect",
            {
                "PREFECT_HOME": str(folder / "home"),
                "PREFECT_API_DATABASE_CONNECTION_URL": url.replace("postgresql://", "postgresql+asyncpg://"),
                "PREFECT_SERVER_API_AUTH_STRING": self.auth_string,
            },
            folder / "server",
            "http://127.0.0.1:{port}/api/health",
            ("server",),
        )
        self.url = f"http://127.0.0.1:{self.server.port}"
        self.http = httpx.Client(base_url=f"{self.url}/api", timeout=60, auth=PrefectAuth(self.auth_string))
        self.worker = Killable(
            "services.prefect",
            {
                "PREFECT_HOME": str(folder / "home"),
                "PREFECT_API_URL": f"{self.url}/api",
                "PREFECT_API_AUTH_STRING": self.auth_string,
                "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
                "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
                "CLOSECAST_MONITORING_URL": self.database.url,
            },
            folder / "worker",
            "http://127.0.0.1:{port}/health",
            ("worker",),
        )

    def call(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.http.request(method, path, json=body).raise_for_status()
        return answer.json() if answer.content else None

    def deploy(self, cron: str | None = None, repeatable: bool = True) -> str:
        """Register the flow `steady` as the flows of the project are registered; returns its deployment's id."""
        code = self.folder / "code"
        (code / "flows").mkdir(parents=True, exist_ok=True)
        (code / "flows" / "steady.py").write_text(_FLOW)
        steady = deployments.Deployment("steady", "For tests.", cron, {}, repeatable=repeatable)
        with (
            pytest.MonkeyPatch.context() as patched,
            temporary_settings({PREFECT_API_URL: f"{self.url}/api", PREFECT_API_AUTH_STRING: self.auth_string}),
        ):
            patched.setattr(deployments, "INVENTORY", (steady,))
            patched.setattr(
                deployments,
                "PULL_STEPS",
                [{"prefect.deployments.steps.set_working_directory": {"directory": str(code)}}],
            )
            patched.chdir(code)
            asyncio.run(deployments.deploy())
        return str(self.call("GET", "/deployments/name/steady/closecast")["id"])

    def submit(self, deployment: str, seconds: float) -> str:
        body = {"parameters": {"seconds": seconds}, "state": {"type": "SCHEDULED"}}
        return str(self.call("POST", f"/deployments/{deployment}/create_flow_run", body)["id"])

    def run(self, run: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"/flow_runs/{run}")
        return found

    def runs(self, **wanted: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("POST", "/flow_runs/filter", {"flow_runs": wanted})
        return found

    def after(self, run: str) -> dict[str, Any] | None:
        """The run that tries `run` again, if there is one."""
        found = self.runs(idempotency_key={"any_": [f"after-{run}"]})
        return found[0] if found else None

    def until(self, run: str, *states: str, seconds: float = 180) -> dict[str, Any]:
        """The run once it is in one of `states`."""
        found = self.run(run)
        self.eventually(lambda: self.run(run)["state_type"] in states, f"{run} is {found['state']}", seconds)
        return self.run(run)

    def eventually(self, condition: Callable[[], Any], what: str, seconds: float = 180) -> Any:
        return awaited(condition, seconds, lambda: f"{what}\n{self.worker.log[-3000:]}", pause=0.5)

    def processes(self, run: str) -> list[psutil.Process]:
        """The processes of a flow run."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("PREFECT__FLOW_RUN_ID") == run and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found


@contextmanager
def prefects(folder: Path) -> Iterator[Prefects]:
    """The database and the server run; the worker waits for its `start`."""
    folder.chmod(0o755)
    found = Prefects(folder)
    found.database.start()
    try:
        found.server.start()
        yield found
    finally:
        for one in (found.worker, found.server, found.database):
            one.stop()
