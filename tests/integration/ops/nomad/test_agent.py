"""A real Nomad agent of the test's own: access control, Variables, a real job from submission to its end, and nothing left."""

import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from closecast.platform.callers.caller import Caller, UncheckedCallerError
from closecast.platform.callers.issuers import issuers
from closecast.platform.callers.tokens import Tokens
from closecast.platform.nomad.addresses import address
from ops import paths
from ops.down import mounts_below, processes_of, sweep
from ops.errors import OperatorError
from ops.nomad import jobs
from ops.nomad.agent import Agent
from ops.nomad.cluster import Cluster, wait
from ops.nomad.jobs import Cli
from ops.paths import LOCAL_VARS
from ops.setup import accounts, nomad_binary, runtime
from ops.setup.credentials import Credentials
from tests.clusters import node_meta
from tests.servers.processes import free_ports

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    if nomad_binary.find() is None:
        pytest.skip("there is no Nomad, and `./just test` tells why it could not get one")
    state = Path(tempfile.mkdtemp(prefix="closecast-nomad-"))
    state.chmod(0o755)
    monkeypatch.setenv("CLOSECAST_STATE", str(state))
    monkeypatch.setenv("CLOSECAST_NOMAD_PORT", str(free_ports(4)))
    runtime.refresh()
    accounts.ensure()
    agent = Agent.of_state()
    yield agent
    agent.stop()
    sweep(agent.data)
    shutil.rmtree(state)
    accounts.remove()


def test_from_a_fresh_agent_to_a_job_and_back(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    # given a fresh agent with access control
    nomad = nomad_binary.find()
    assert nomad is not None
    credentials = Credentials.load_or_create()
    meta = node_meta(agent)
    agent.start(nomad, meta)
    agent.wait_for_leader()
    assert agent.is_running()
    assert agent.outdated(meta) == []
    assert agent.outdated({**meta, "python": "/elsewhere"}) == [agent.client]  # the server need not be started again
    cluster = Cluster(agent.address, credentials.nomad_management_token)
    cluster.bootstrap(credentials.nomad_management_token)
    cluster.bootstrap(credentials.nomad_management_token)  # again: harmless
    with pytest.raises(OperatorError, match="Nomad refuses the token"):
        Cluster(agent.address, "00000000-0000-0000-0000-000000000000").node_is_ready()
    cluster.ensure_policy("operator", "a test's", (paths.PROJECT / "policies" / "nomad" / "operator.hcl").read_text())
    operator = Cluster(agent.address, cluster.create_token("operator", ["operator"]))
    cluster.allow_oversubscription()
    wait(cluster.node_is_ready, 60, "the registration of the node")

    # when the cache's own file is submitted
    cluster.put_variable("nomad/jobs/cache", {"password": secrets.token_hex(8)})
    cli = Cli(nomad, agent, credentials.nomad_management_token)
    assert not cluster.is_wanted("cache")
    cli.submit("cache")
    wait(lambda: jobs.health(operator, "cache").healthy, 60, "the health of the cache")
    # then it is seen with its port and its restarts
    allocation = operator.allocation("cache")
    assert allocation is not None
    assert jobs.healths(operator, ["cache", "ui"])["ui"].word == "not submitted"
    assert cli.fixed_ports("api") == {"http": 8000}
    operator.restart(allocation.id)
    wait(
        lambda: jobs.health(operator, "cache").restarts >= 0 and jobs.health(operator, "cache").healthy,
        60,
        "its return",
    )
    assert processes_of(agent.data)
    with pytest.raises(OperatorError, match="Nomad did not take the job cache"):
        Cli(nomad, agent, "00000000-0000-0000-0000-000000000000").submit("cache")

    # when the job and the agent are stopped, then nothing is left
    cluster.stop("cache")
    wait(lambda: not cluster.live_allocations("cache"), 60, "the end of the cache")
    agent.stop()
    sweep(agent.data)
    assert not agent.is_running()
    assert [process for process in processes_of(agent.data) if process.pid != os.getpid()] == []
    assert mounts_below(agent.data) == []
    assert "Traceback" not in capsys.readouterr().err


_REPORTS = """
job "reports" {
  group "reports" {
    task "reports" {
      driver = "raw_exec"
      config {
        command = "/bin/sleep"
        args    = ["600"]
      }
      identity {
        name = "api"
        aud  = ["closecast-api"]
        file = true
        ttl  = "1h"
      }
    }
  }
}
"""


def test_a_task_shows_the_api_which_job_it_is_of_and_learns_where_its_neighbours_are(agent: Agent) -> None:
    # given an agent, the API's job, whose task waits, for there is no MLflow here, and somebody who calls it
    nomad = nomad_binary.find()
    assert nomad is not None
    credentials = Credentials.load_or_create()
    meta = node_meta(agent)
    agent.start(nomad, meta)
    agent.wait_for_leader()
    cluster = Cluster(agent.address, credentials.nomad_management_token)
    cluster.bootstrap(credentials.nomad_management_token)
    wait(cluster.node_is_ready, 60, "the registration of the node")
    for job, items in credentials.variables().items():
        cluster.put_variable(f"nomad/jobs/{job}", items)
    cli = Cli(nomad, agent, credentials.nomad_management_token)
    for job in ("cache", "api"):
        cli.submit(job)
    caller = agent.folder / "reports.nomad.hcl"
    caller.write_text(_REPORTS)
    done = cli.run("job", "run", "-detach", str(caller))
    assert done.returncode == 0, done.stderr

    def secret(job: str, name: str) -> Path | None:
        return next((agent.data / "alloc").glob(f"*/{job}/secrets/{name}"), None)

    # when Nomad has signed its identity
    wait(lambda: secret("reports", "nomad_api.jwt") is not None, 60, "the token")
    file = secret("reports", "nomad_api.jwt")
    assert file is not None
    # then it passes by the configuration of the API's own job file
    roles = '-var=workload_roles={"reports": "viewer"}'
    printed = cli.run("job", "run", "-output", f"-var-file={LOCAL_VARS}", roles, str(jobs.file("api"))).stdout
    parsed = json.loads(printed)["Job"]["TaskGroups"][0]["Tasks"][0]["Env"]
    trusted = issuers(parsed["CLOSECAST_TOKEN_ISSUERS"].replace("${meta.nomad_address}", agent.address))
    tokens = Tokens(trusted, None, retry_seconds=0.2)
    tokens.start()
    seen: list[Caller] = []

    def recognised() -> bool:
        try:
            seen.append(tokens.find(file.read_bytes().strip()))
        except UncheckedCallerError:
            return False
        return True

    wait(recognised, 20, "Nomad's keys")
    tokens.stop()
    assert (seen[0].name, seen[0].kind, seen[0].role) == ("reports", "workload", "viewer")
    assert seen[0].id.startswith("nomad:global:default:reports:reports:reports:")
    # and the API's file of addresses has those that are there, without waiting for those that are not
    wait(lambda: jobs.health(cluster, "cache").healthy, 60, "the health of the cache")
    cache = cluster.allocation("cache")
    assert cache is not None
    where = f"@{cache.ports[0].host}:{cache.ports[0].number}/0"

    def listed() -> bool:
        addresses = secret("api", "addresses")
        return addresses is not None and where in addresses.read_text()

    wait(listed, 30, "the cache's address")
    addresses = secret("api", "addresses")
    assert addresses is not None
    # Root renders it and the task's account reads it; no other account of the machine gets there.
    if os.geteuid() == 0:
        assert agent.folder.stat().st_mode & 0o007 == 0
    # The file is open until the task begins, so it names the password, which is in the closed environment.
    assert credentials.cache_password not in addresses.read_text()
    environment = {"CLOSECAST_ADDRESSES": str(addresses), "CLOSECAST_CACHE_PASSWORD": credentials.cache_password}
    found = address(environment, "CLOSECAST_CACHE_URL")
    assert found is not None
    assert found() == f"redis://:{credentials.cache_password}{where}"
    assert "CLOSECAST_DATABASE_URL" not in addresses.read_text()
    for job in ("cache", "api", "ui"):
        cluster.stop(job)
    wait(lambda: not any(map(cluster.live_allocations, ("cache", "api", "ui"))), 60, "the end of the jobs")


# A service that asks for another and is restarted when that moves, as most of the platform's are.
_NEIGHBOUR = """
job "neighbour" {{
  group "neighbour" {{
    service {{
      name     = "neighbour"
      provider = "nomad"
    }}
    task "neighbour" {{
      driver = "raw_exec"
      config {{
        command = "{python}"
        args    = ["-c", "import time; time.sleep(3600)"]
      }}
      template {{
        destination = "${{NOMAD_SECRETS_DIR}}/neighbour.env"
        env         = true
        data        = <<-EOT
          {{{{ with nomadVar "nomad/jobs/neighbour" }}}}PASSWORD={{{{ .password }}}}{{{{ end }}}}
          {{{{ range nomadService "cache" }}}}CACHE={{{{ .Address }}}}:{{{{ .Port }}}}{{{{ end }}}}
        EOT
      }}
      resources {{
        cpu    = 50
        memory = 32
      }}
    }}
  }}
}}
"""


def test_no_task_notices_that_the_agent_ended_and_was_started_again(agent: Agent) -> None:
    # given
    nomad = nomad_binary.find()
    assert nomad is not None
    credentials = Credentials.load_or_create()
    meta = node_meta(agent)
    agent.start(nomad, meta)
    cluster = Cluster(agent.address, credentials.nomad_management_token)
    cluster.bootstrap(credentials.nomad_management_token)
    wait(cluster.node_is_ready, 60, "the registration of the node")
    cli = Cli(nomad, agent, credentials.nomad_management_token)
    for job in ("cache", "neighbour"):
        cluster.put_variable(f"nomad/jobs/{job}", {"password": secrets.token_hex(8)})
    cli.submit("cache")
    file = agent.folder / "neighbour.nomad.hcl"
    file.write_text(_NEIGHBOUR.format(python=sys.executable))
    assert cli.run("job", "run", "-detach", str(file)).returncode == 0
    wait(lambda: len(_tasks(agent)) == 2 and jobs.health(cluster, "cache").healthy, 60, "the health of both")
    before = _tasks(agent)

    for how, *ended in (
        (signal.SIGKILL, agent.server, agent.client),
        (signal.SIGKILL, agent.server),
        (signal.SIGKILL, agent.client),
        (signal.SIGTERM, agent.server, agent.client),
    ):
        # when
        for half in ended:
            process = half.process()
            assert process is not None
            process.send_signal(how)
            process.wait(30)
        agent.start(nomad, meta)
        wait(cluster.node_is_ready, 60, "the return of the node")
        # then the same processes are there, also once the client had time to do away with them
        time.sleep(5)  # noqa: TID251 - the time that it had
        assert _tasks(agent) == before, (how, ended)
        for job in ("cache", "neighbour"):
            allocation = cluster.allocation(job)
            assert allocation is not None
            assert [(task.state, task.restarts) for task in allocation.tasks] == [("running", 0)], (how, ended)
    # and they are looked after as before
    for process in map(psutil.Process, before):
        process.kill()
    wait(lambda: len(_tasks(agent)) == 2 and not before & _tasks(agent), 60, "new processes")
    for job in ("cache", "neighbour"):
        cluster.stop(job)
    wait(lambda: not any(map(cluster.live_allocations, ("cache", "neighbour"))), 60, "the end of the jobs")


def _tasks(agent: Agent) -> set[int]:
    """Process ids of what the executors of this agent's tasks started."""
    found = set()
    for process in processes_of(agent.data):
        with suppress(psutil.NoSuchProcess):  # it has ended meanwhile
            if "executor" in process.cmdline():
                found |= {child.pid for child in process.children()}
    return found


@pytest.mark.parametrize("half", ["server", "client"])
def test_an_agent_that_cannot_start_says_why(agent: Agent, monkeypatch: pytest.MonkeyPatch, half: str) -> None:
    nomad = nomad_binary.find()
    assert nomad is not None
    monkeypatch.setattr(f"ops.nomad.agent_configuration._{half.upper()}", "nonsense")
    with pytest.raises(OperatorError, match=f"the Nomad agent did not come up: its {half}: .*nonsense"):
        agent.start(nomad, {})
        wait(lambda: agent.require_client() is not None, 20, "the end of the client")  # type: ignore[func-returns-value]
