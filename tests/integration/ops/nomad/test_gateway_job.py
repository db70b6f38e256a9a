"""The gateway's own job file on a real Nomad: it is healthy, and follows an API that moves without being started again."""

import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from ops.down import processes_of
from ops.nomad import jobs
from ops.nomad.cluster import Cluster, wait
from tests.clusters import Scheduler, scheduler

pytestmark = pytest.mark.integration


@dataclass(frozen=True)
class Platform:
    """A scheduler of the test's own."""

    scheduler: Scheduler

    @property
    def cluster(self) -> Cluster:
        return self.scheduler.cluster

    def run_api(self, name: str) -> None:
        """Have the API be one that answers with `name`, wherever it is placed."""
        folder = self.scheduler.state / name
        for file, content in (("health/ready", "{}"), ("v1/model", name)):
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        self.scheduler.run_files("api", folder)

    def model(self) -> str:
        """What the gateway answers, the reason where it answers nothing."""
        if not jobs.root_certificate().exists():
            return "no certificate yet"
        trusted = ssl.create_default_context(cafile=str(jobs.root_certificate()))
        url = f"{jobs.address(self.cluster, 'gateway')}/v1/model"
        try:
            return httpx.get(url, verify=trusted, trust_env=False, timeout=20).text
        except httpx.HTTPError as error:
            return str(error)


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    with scheduler(monkeypatch) as made:
        yield Platform(made)


def test_it_follows_an_api_that_moves(platform: Platform) -> None:
    # given the job as it is, on a port of Nomad's choice, before there is an API
    platform.scheduler.run("gateway")
    wait(lambda: jobs.health(platform.cluster, "gateway").healthy, 60, "the health of the gateway")
    before = _caddy(platform)
    assert jobs.health(platform.cluster, "gateway").url.startswith("https://")
    assert "no instance of the service is ready" in platform.model()

    # when an API comes, then it is found; when it moves, then it is followed
    for name in ("first", "second"):
        platform.run_api(name)
        begin = time.monotonic()
        wait(lambda name=name: platform.model() == name, 60, f"the answer of the {name} API")  # type: ignore[misc]
        print(f"the {name} API answers through the gateway after {time.monotonic() - begin:.1f} s")

    # and the same process did it all, which Nomad takes for healthy too
    assert _caddy(platform) == before
    wait(lambda: "success" in _check(platform), 30, "Nomad's own check of the gateway")


def _caddy(platform: Platform) -> psutil.Process:
    found = [
        process for process in processes_of(platform.scheduler.cli.agent.data) if "caddy" in Path(process.exe()).name
    ]
    assert len(found) == 1
    return found[0]


def _check(platform: Platform) -> str:
    allocation = platform.cluster.allocation("gateway")
    assert allocation is not None
    return platform.scheduler.cli.run("alloc", "checks", allocation.id).stdout
