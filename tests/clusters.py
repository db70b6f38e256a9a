"""A scheduler of a test's own that runs the project's job files, with the services' accounts where the tests run as root."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ops import paths
from ops.down import sweep
from ops.nomad import jobs
from ops.nomad.agent import Agent
from ops.nomad.cluster import Cluster, wait
from ops.nomad.jobs import Cli
from ops.setup import accounts, caddy_binary, metrics_binaries, nomad_binary, runtime
from ops.setup.credentials import Credentials
from tests.servers.processes import free_ports, refuse_in_unit_tests

_STAND_IN = """
job "{name}" {{
  group "{name}" {{
    network {{
      port "http" {{}}
    }}
    service {{
      name     = "{name}"
      port     = "http"
      provider = "nomad"
    }}
    task "{name}" {{
      driver = "raw_exec"
      config {{
        command = "{python}"
        args    = {arguments}
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
class Scheduler:
    """What runs the jobs, its folder, the interpreter that tasks are run with, and the secrets."""

    state: Path
    python: Path
    cluster: Cluster
    cli: Cli
    credentials: Credentials

    def run(self, name: str, *variables: str) -> None:
        """Submit the project's own file of the job `name`."""
        self.submit(jobs.file(name), *variables)

    def submit(self, file: Path, *variables: str) -> None:
        done = self.cli.run("job", "run", "-detach", *variables, str(file))
        assert done.returncode == 0, done.stderr

    def run_files(self, name: str, folder: Path) -> None:
        """Have a server of the files in `folder` stand in for the job `name`, registered as its service."""
        folder.mkdir(parents=True, exist_ok=True)
        listening = ["-m", "http.server", "${NOMAD_PORT_http}", "--bind", "127.0.0.1"]
        self.run_stand_in(name, [*listening, "--directory", str(folder)])

    def run_stand_in(self, name: str, arguments: list[str]) -> None:
        """Have Python with these arguments stand in for the job `name`, registered as its service."""
        specification = self.state / f"{name}.nomad.hcl"
        specification.write_text(_STAND_IN.format(name=name, python=self.python, arguments=json.dumps(arguments)))
        self.submit(specification)


def node_meta(agent: Agent) -> dict[str, str]:
    """What job files know of the node of `agent`."""
    return {
        **accounts.meta(),
        "python": str(runtime.python(paths.VENV)),
        "project": str(runtime.code()),
        "state": str(paths.state()),
        "nomad_address": agent.address,
        "region": "us-east-1",
        "lake_bucket": "none",
    }


@contextmanager
def scheduler(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scheduler]:
    """Both of Nomad's processes in a folder of their own, until the end of the block. Skips where there is no Nomad or Caddy."""
    refuse_in_unit_tests()
    nomad, caddy = nomad_binary.find(), caddy_binary.find()
    if nomad is None or caddy is None:
        pytest.skip("there is no Nomad or no Caddy, and `./just test` tells why it could not get one")
    state = Path(tempfile.mkdtemp(prefix="closecast-nomad-"))
    monkeypatch.setenv("CLOSECAST_STATE", str(state))
    monkeypatch.setenv("CLOSECAST_NOMAD_PORT", str(free_ports(4)))
    runtime.refresh()
    accounts.ensure()
    python = runtime.python(paths.VENV)
    agent, credentials = Agent.of_state(), Credentials.load_or_create()
    try:
        metrics = metrics_binaries.find() or ()
        programs = {one.title.lower(): str(runtime.program(one.path)) for one in (caddy, *metrics)}
        agent.start(nomad, {**node_meta(agent), **programs})
        cluster = Cluster(agent.address, credentials.nomad_management_token)
        cluster.bootstrap(credentials.nomad_management_token)
        cluster.allow_oversubscription()
        wait(cluster.node_is_ready, 90, "the registration of the node")
        for job, items in credentials.variables().items():
            cluster.put_variable(f"nomad/jobs/{job}", items)
        yield Scheduler(state, python, cluster, Cli(nomad, agent, credentials.nomad_management_token), credentials)
        ours = [job for job in (*jobs.NAMES, *jobs.BATCH) if cluster.is_wanted(job)]
        for job in ours:
            cluster.stop(job)
        wait(lambda: not any(map(cluster.live_allocations, ours)), 90, f"the end of {', '.join(ours)}")
    finally:
        agent.stop()
        sweep(agent.data)
        shutil.rmtree(state)
        accounts.remove()
