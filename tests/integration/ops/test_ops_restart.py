"""The API's and the gateway's own job files on a real Nomad: two instances of the API are replaced behind the gateway, and go back to one."""

import shutil
import ssl
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from closecast.models.deal_model import DealModel
from ops import caddy_binary, jobs, nomad_binary, paths
from ops.agent import Agent
from ops.cluster import Cluster, wait
from ops.credentials import Credentials
from ops.down import _sweep
from ops.jobs import Cli
from ops.restart import restart
from tests.load import DEAL, Load
from tests.servers import free_ports
from tests.unit.services.api.conftest import keep

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]
# More than one instance needs ports of Nomad's choice.
TWO, ONE = "-var=instances={api=2}", "-var=instances={api=1}"
# The API waits for a registry to be there at its start; afterwards it answers without.
_REGISTRY = """
job "mlflow" {{
  group "mlflow" {{
    network {{
      port "http" {{}}
    }}
    service {{
      name     = "mlflow"
      port     = "http"
      provider = "nomad"
    }}
    task "mlflow" {{
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
    """A scheduler of the test's own, with two instances of the API and a gateway."""

    cluster: Cluster
    cli: Cli
    key: str

    def run(self, name: str, *variables: str) -> None:
        done = self.cli.run("job", "run", "-detach", *variables, str(jobs.file(name)))
        assert done.returncode == 0, done.stderr

    def load(self) -> Load:
        trusted = ssl.create_default_context(cafile=str(jobs.root_certificate()))
        return Load(jobs.address(self.cluster, "gateway"), self.key, trusted, period=0.05)

    def predicts(self) -> bool:
        if not jobs.root_certificate().exists():
            return False
        trusted = ssl.create_default_context(cafile=str(jobs.root_certificate()))
        url = f"{jobs.address(self.cluster, 'gateway')}/v1/predictions"
        try:
            return httpx.post(url, json=DEAL, headers={"X-API-Key": self.key}, verify=trusted, timeout=20).is_success
        except httpx.HTTPError:
            return False


@pytest.fixture
def platform(served_model: DealModel, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
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
    keep(served_model, state / "models")
    agent = Agent.of_state()
    credentials = Credentials.load_or_create()
    try:
        agent.start(nomad, {"python": str(python), "state": str(state), "caddy": str(caddy.path),
                            "nomad_address": agent.address, "region": "us-east-1", "lake_bucket": "none"})  # fmt: skip
        cluster = Cluster(agent.address, credentials.nomad_management_token)
        cluster.bootstrap(credentials.nomad_management_token)
        cluster.allow_oversubscription()
        wait(cluster.node_is_ready, 90, "the registration of the node")
        cluster.put_variable("nomad/jobs/api", credentials.variables()["api"])
        made = Platform(cluster, Cli(nomad, agent, credentials.nomad_management_token), credentials.api_key)
        registry = state / "mlflow.nomad.hcl"
        registry.write_text(_REGISTRY.format(python=python, folder=state / "models"))
        assert made.cli.run("job", "run", "-detach", str(registry)).returncode == 0
        for job in ("api", "gateway"):
            made.run(job, TWO)
        for job in ("api", "gateway"):
            wait(lambda job=job: jobs.health(cluster, job).healthy, 180, f"the health of {job}")  # type: ignore[misc]
        wait(made.predicts, 60, "a prediction through the gateway", pause=1)
        yield made
        for job in ("gateway", "api", "mlflow"):
            cluster.stop(job)
        wait(lambda: not any(map(cluster.live_allocations, ("gateway", "api", "mlflow"))), 90, "the end of the jobs")
    finally:
        agent.stop()
        _sweep(agent.data)
        shutil.rmtree(state)


def test_two_instances_are_replaced_while_the_gateway_answers(
    platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {one.id for one in platform.cluster.allocations("api")}
    assert len(before) == 2
    # when
    with platform.load() as load:
        assert restart(["api"]) == 0
    # then there was an instance to ask all the time
    answers = {problem: number for problem, number in load.refused.items() if problem[0].isdigit()}
    assert load.answered > 100
    assert not answers, answers
    # and at most each of the four reloads (one leaves, one comes, twice) broke new connections off, as Go's server does
    assert load.refused.total() <= 8, load.refused
    assert before.isdisjoint(one.id for one in platform.cluster.allocations("api"))
    printed = capsys.readouterr().out
    assert "api has 2 instances: they are replaced one after another, while the others answer" in printed
    assert "api, instance 2 of 2" in printed

    # when the job asks for one instance, then it is not called healthy while there are two
    platform.run("api", ONE)
    wait(lambda: jobs.health(platform.cluster, "api").healthy, 180, "the health of the one instance")
    assert len(platform.cluster.allocations("api")) == 1
