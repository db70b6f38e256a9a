"""The gateway's own job file on a real Nomad: it is healthy, and follows an API that moves without being started again."""

import shutil
import ssl
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from ops import caddy_binary, jobs, nomad_binary, paths
from ops.agent import Agent
from ops.cluster import Cluster, wait
from ops.credentials import Credentials
from ops.down import _sweep, processes_of
from ops.jobs import Cli
from tests.servers import free_ports

pytestmark = pytest.mark.integration

# Whatever registers itself as `api` and has the files that are asked for.
_API = """
job "api" {{
  group "api" {{
    network {{
      port "http" {{}}
    }}
    service {{
      name     = "api"
      port     = "http"
      provider = "nomad"
    }}
    task "api" {{
      driver = "raw_exec"
      config {{
        command = "{python}"
        args    = ["-m", "http.server", "${{NOMAD_PORT_http}}", "--bind", "127.0.0.1", "--directory", "{folder}"]
      }}
      resources {{
        cpu    = 50
        memory = 64
      }}
    }}
  }}
}}
"""


@dataclass(frozen=True)
class Platform:
    """A scheduler of the test's own."""

    folder: Path
    python: Path
    cluster: Cluster
    cli: Cli

    def run_api(self, name: str) -> None:
        """Have the API be one that answers with `name`, wherever it is placed."""
        for file, content in (("health/ready", "{}"), ("v1/model", name)):
            path = self.folder / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        specification = self.folder / f"{name}.nomad.hcl"
        specification.write_text(_API.format(python=self.python, folder=self.folder / name))
        done = self.cli.run("job", "run", "-detach", str(specification))
        assert done.returncode == 0, done.stderr

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
    nomad, caddy = nomad_binary.find(), caddy_binary.find()
    if nomad is None or caddy is None:
        pytest.skip("there is no Nomad or no Caddy, and `./just test` tells why it could not get one")
    state = Path(tempfile.mkdtemp(prefix="closecast-nomad-"))
    monkeypatch.setenv("CLOSECAST_STATE", str(state))
    monkeypatch.setenv("CLOSECAST_NOMAD_PORT", str(free_ports(4)))
    # The interpreter of this test, which need not be the one that `up` makes.
    python = state / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{paths.PROJECT}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    agent = Agent.of_state()
    agent.start(nomad, {"python": str(python), "state": str(state), "caddy": str(caddy.path)})
    try:
        agent.wait_for_leader()
        credentials = Credentials.load_or_create()
        cluster = Cluster(agent.address, credentials.nomad_management_token)
        cluster.bootstrap(credentials.nomad_management_token)
        wait(cluster.node_is_ready, 90, "the registration of the node")
        yield Platform(state, python, cluster, Cli(nomad, agent, credentials.nomad_management_token))
        for job in ("gateway", "api"):
            if cluster.is_wanted(job):
                cluster.stop(job)
        wait(
            lambda: not cluster.live_allocations("gateway") and not cluster.live_allocations("api"),
            60,
            "the end of the jobs",
        )
    finally:
        agent.stop()
        _sweep(agent.data)
        shutil.rmtree(state)


def test_it_follows_an_api_that_moves(platform: Platform) -> None:
    # given the job as it is, on a port of Nomad's choice, before there is an API
    done = platform.cli.run("job", "run", "-detach", str(jobs.file("gateway")))
    assert done.returncode == 0, done.stderr
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
    found = [process for process in processes_of(platform.cli.agent.data) if "caddy" in Path(process.exe()).name]
    assert len(found) == 1
    return found[0]


def _check(platform: Platform) -> str:
    allocation = platform.cluster.allocation("gateway")
    assert allocation is not None
    return platform.cli.run("alloc", "checks", allocation.id).stdout
