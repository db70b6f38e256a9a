"""A real Nomad agent of the test's own: access control, Variables, a real job from submission to its end, and nothing left."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops import jobs, nomad_binary, paths
from ops.agent import Agent
from ops.cluster import Cluster, wait
from ops.credentials import Credentials
from ops.down import _sweep, mounts_below, processes_of
from ops.errors import OperatorError
from ops.jobs import Cli
from tests.servers import free_port

pytestmark = pytest.mark.integration


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    if nomad_binary.find() is None:
        pytest.skip("there is no Nomad on this machine yet: `./just up` gets one")
    state = Path(tempfile.mkdtemp(prefix="closecast-nomad-"))
    state.chmod(0o755)
    monkeypatch.setenv("CLOSECAST_STATE", str(state))
    monkeypatch.setenv("CLOSECAST_NOMAD_PORT", str(free_port()))
    agent = Agent.of_state()
    yield agent
    agent.stop()
    _sweep(agent.data)
    shutil.rmtree(state)


def test_from_a_fresh_agent_to_a_job_and_back(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    # given a fresh agent with access control
    nomad = nomad_binary.find()
    assert nomad is not None
    credentials = Credentials.load_or_create()
    meta = {"python": str(paths.PYTHON), "project": str(paths.PROJECT), "state": str(paths.state())}
    agent.start(nomad, meta)
    agent.wait_for_leader()
    assert agent.is_running()
    assert not agent.is_outdated(meta)
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
    _sweep(agent.data)
    assert not agent.is_running()
    assert [process for process in processes_of(agent.data) if process.pid != os.getpid()] == []
    assert mounts_below(agent.data) == []
    assert "Traceback" not in capsys.readouterr().err


def test_an_agent_that_cannot_start_says_why(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    nomad = nomad_binary.find()
    assert nomad is not None
    monkeypatch.setattr("ops.agent._CONFIGURATION", "name = {http}{rpc}{serf}{data}{meta}{loopback} nonsense")
    agent.start(nomad, {})
    with pytest.raises(OperatorError, match="the Nomad agent did not come up: "):
        agent.wait_for_leader(20)
