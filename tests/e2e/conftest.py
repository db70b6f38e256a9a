"""What the end-to-end tests share: the running platform, as an operator and as a caller of the API see it."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from closecast.platform.settings import Login
from ops.down import processes_of
from ops.nomad import jobs
from ops.nomad.cluster import wait
from ops.nomad.session import Session, connect
from ops.prefect.pipeline import Prefect

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Platform:
    """The platform that `just up` brought up before these tests began."""

    @property
    def session(self) -> Session:
        """As the operator's next command would have it: a test may have changed a secret."""
        return connect()

    def just(self, *arguments: str, fails: bool = False) -> str:
        """What `./just …` printed; it must end with success, or with a failure when that is expected."""
        done = subprocess.run(
            [sys.executable, str(PROJECT / "just"), *arguments],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
        printed = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, printed
        # A log may hold the traceback of a run that failed; a command has no business printing one of its own.
        assert "Traceback" not in printed or "logs" in arguments[0]
        return printed

    def api(self, method: str, route: str, **arguments: Any) -> httpx.Response:
        """The API's answer to a caller with a key."""
        headers = {"X-API-Key": self.session.credentials.api_key}
        return httpx.request(method, self.address("api") + route, headers=headers, timeout=30, **arguments)

    def mlflow(self, login: Login | None = None) -> httpx.Client:
        """A client of MLflow's server, as the user who may do everything unless another is named."""
        shown = login or self.session.credentials.mlflow_login
        return httpx.Client(base_url=self.address("mlflow"), auth=(shown.user, shown.password), timeout=60)

    def address(self, job: str) -> str:
        return jobs.address(self.session.cluster, job)

    def processes(self, job: str, task: str) -> list[psutil.Process]:
        """The processes of one task, its children too."""
        found = []
        for process in processes_of(self.session.agent.data):
            try:
                environment = process.environ()
            except psutil.NoSuchProcess:  # PostgreSQL's workers come and go
                continue
            if environment.get("NOMAD_JOB_NAME") == job and environment.get("NOMAD_TASK_NAME") == task:
                found.append(process)
        return found

    def wait_until_healthy(self, *names: str, seconds: float = 150) -> None:
        for name in names:
            wait(lambda name=name: jobs.health(self.session.cluster, name).healthy, seconds, f"the health of {name}")  # type: ignore[misc]

    def eventually(self, condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
        wait(condition, seconds, what)


@pytest.fixture(scope="session")
def platform() -> Platform:
    return Platform()


@pytest.fixture
def prefect(platform: Platform) -> Prefect:
    """Prefect's API, as the operator calls it."""
    return Prefect(platform.address("prefect"))
