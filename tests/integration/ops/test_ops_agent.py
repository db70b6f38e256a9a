"""A real Nomad agent of the test's own: access control, Variables, a real job from submission to its end, and nothing left."""

import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from closecast.platform.addresses import address
from closecast.platform.callers.caller import Caller, UncheckedCallerError
from closecast.platform.callers.issuers import issuers
from closecast.platform.callers.tokens import Tokens
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
        pytest.skip("there is no Nomad, and `./just test` tells why it could not get one")
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


def test_a_task_shows_the_api_which_job_it_is_of_and_learns_where_its_neighbours_are(agent: Agent) -> None:
    # given an agent, and the jobs of the UI and the API, whose tasks wait: there is no MLflow here
    nomad = nomad_binary.find()
    assert nomad is not None
    credentials = Credentials.load_or_create()
    meta = {"python": str(paths.PYTHON), "project": str(paths.PROJECT), "state": str(paths.state()),
            "nomad_address": agent.address}  # fmt: skip
    agent.start(nomad, meta)
    agent.wait_for_leader()
    cluster = Cluster(agent.address, credentials.nomad_management_token)
    cluster.bootstrap(credentials.nomad_management_token)
    wait(cluster.node_is_ready, 60, "the registration of the node")
    for job, items in credentials.variables().items():
        cluster.put_variable(f"nomad/jobs/{job}", items)
    cli = Cli(nomad, agent, credentials.nomad_management_token)
    for job in ("cache", "api", "ui"):
        cli.submit(job)

    def secret(job: str, name: str) -> Path | None:
        return next((agent.data / "alloc").glob(f"*/{job}/secrets/{name}"), None)

    # when Nomad has signed the UI's identity
    wait(lambda: secret("ui", "nomad_api.jwt") is not None, 60, "the UI's token")
    file = secret("ui", "nomad_api.jwt")
    assert file is not None
    # then it passes by the configuration of the API's own job file, and no key is anywhere in the UI's folder
    parsed = json.loads(cli.run("job", "inspect", "api").stdout)["Job"]["TaskGroups"][0]["Tasks"][0]["Env"]
    trusted = issuers(parsed["CLOSECAST_TOKEN_ISSUERS"].replace("${meta.nomad_address}", agent.address))
    tokens = Tokens(trusted, None, lambda *_a, **_k: None, retry_seconds=0.2)
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
    assert (seen[0].name, seen[0].kind, seen[0].role) == ("ui", "workload", "scorer")
    assert seen[0].id.startswith("nomad:global:default:ui:ui:ui:")
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
    assert addresses.stat().st_mode & 0o777 == 0o600
    assert address({"CLOSECAST_ADDRESSES": str(addresses)}, "CLOSECAST_CACHE_URL")() == (  # type: ignore[misc]
        f"redis://:{credentials.cache_password}{where}"
    )
    assert "CLOSECAST_DATABASE_URL" not in addresses.read_text()
    for job in ("cache", "api", "ui"):
        cluster.stop(job)
    wait(lambda: not any(map(cluster.live_allocations, ("cache", "api", "ui"))), 60, "the end of the jobs")


def test_an_agent_that_cannot_start_says_why(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    nomad = nomad_binary.find()
    assert nomad is not None
    monkeypatch.setattr("ops.agent._CONFIGURATION", "name = {http}{rpc}{serf}{data}{meta}{loopback} nonsense")
    agent.start(nomad, {})
    with pytest.raises(OperatorError, match="the Nomad agent did not come up: "):
        agent.wait_for_leader(20)
