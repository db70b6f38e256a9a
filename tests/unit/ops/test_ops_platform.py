"""The operator's side of a running platform: the agent's configuration, ports, services, and what is printed of them."""

import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from ops import jobs, ports, summary
from ops.agent import Agent
from ops.api import Api
from ops.binaries import Binary
from ops.cluster import Allocation, Cluster, Port, Task, wait
from ops.credentials import Credentials
from ops.errors import OperatorError
from ops.session import connect
from tests.unit.ops.conftest import Double


@pytest.mark.usefixtures("state")
def test_a_platform_that_is_down_says_so() -> None:
    Credentials.load_or_create()
    with pytest.raises(OperatorError, match="the platform is down"):
        connect()


def test_the_agent_keeps_its_port_and_its_configuration_its_promises(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setenv("CLOSECAST_NOMAD_PORT", "14646")
    agent = Agent.of_state()
    assert agent.ports == (14646, 14647, 14648, 14649)
    # then
    written = agent._configured({"python": '/a "quoted" path'})
    for configuration in written.values():
        assert 'bind_addr = "127.0.0.1"' in configuration
        assert "acl {\n  enabled = true" in configuration
    assert '"/a \\"quoted\\" path"' in written[agent.client]
    assert agent.outdated({}) == [agent.server, agent.client]
    # and a port that is none is refused
    monkeypatch.setenv("CLOSECAST_NOMAD_PORT", "many")
    with pytest.raises(OperatorError, match="'many', not a port"):
        Agent.of_state()
    # and the one it was started with is remembered
    monkeypatch.delenv("CLOSECAST_NOMAD_PORT")
    (state / "nomad").mkdir(parents=True)
    (state / "nomad" / "agent.json").write_text('{"port": 24646}')
    assert Agent.of_state().port == 24646


def test_who_holds_a_port_is_named() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = held.getsockname()[1]
        assert not ports.is_free(port)
        assert f"process {os.getpid()} " in ports.holder(port)
        with pytest.raises(OperatorError, match=rf"port taken: process {os.getpid()} .* holds port {port}"):
            ports.require_free(Agent(Path("/nowhere"), port))
    assert ports.is_free(port)
    assert ports.holder(port) == "a process that this user may not see"


def test_an_agent_that_is_not_ours_is_told_from_any_program(tmp_path: Path) -> None:
    # given a process that looks like a Nomad agent
    script = tmp_path / "nomad"
    script.write_text(
        "import socket, time\ns = socket.socket()\ns.bind(('127.0.0.1', 0))\ns.listen()\n"
        "print(s.getsockname()[1], flush=True)\ntime.sleep(60)\n"
    )
    process = psutil.Popen([sys.executable, "nomad", "agent", "-dev"], stdout=-1, text=True, cwd=tmp_path)
    try:
        port = int(process.stdout.readline())
        with pytest.raises(OperatorError, match="a Nomad agent that is not this project's"):
            ports.require_free(Agent(Path("/nowhere"), port))
    finally:
        process.kill()
        process.wait()


def test_waiting_says_what_did_not_happen() -> None:
    with pytest.raises(OperatorError, match="the dawn did not happen within 0 s"):
        wait(lambda: False, 0, "the dawn")


def test_the_apis_own_words_reach_the_user(double: Double) -> None:
    api = Api(double.address, "key")
    double.answers["GET /v1/model"] = (503, {"title": "x", "detail": "no model serves yet"})
    with pytest.raises(OperatorError, match="the API answered 503: no model serves yet"):
        api.call("GET", "/v1/model")
    double.answers["GET /v1/model"] = (502, b"<html>")
    with pytest.raises(OperatorError, match="502: <html>"):
        api.call("GET", "/v1/model")
    assert api.readiness() == (False, json.dumps({"detail": "the double knows no GET /health/ready"}))
    gone = Api("http://127.0.0.1:9", "key")
    assert gone.readiness()[0] is False
    with pytest.raises(OperatorError, match=r"the API does not answer at http://127\.0\.0\.1:9"):
        gone.call("GET", "/")


JOB = {
    "Stop": False,
    "Version": 1,
    "TaskGroups": [
        {
            "Services": [
                {
                    "Name": "a",
                    "PortLabel": "http",
                    "Checks": [
                        {"Name": "up", "Type": "http", "Path": "/up", "PortLabel": ""},
                        {"Name": "ready", "Type": "http", "Path": "/ready", "PortLabel": ""},
                    ],
                },
                {"Name": "b", "PortLabel": "other", "Checks": [{"Name": "no port", "Type": "tcp", "PortLabel": ""}]},
            ]
        }
    ],
}


def _allocation(double: Double, state: str = "running") -> dict[str, Any]:
    return {
        "ID": "1",
        "ClientStatus": "running",
        "Job": {"Version": 1},
        "AllocatedResources": {
            "Shared": {"Ports": [{"Label": "http", "HostIP": "127.0.0.1", "Value": double.server_port}]}
        },
        "TaskStates": {
            "a": {"State": state, "Restarts": 2, "Events": [{"Type": "Waiting", "DisplayMessage": "Missing: x"}]}
        },
    }


def test_health_is_asked_of_the_service_itself(double: Double) -> None:
    # given
    cluster = Cluster(double.address, "token")
    double.answers |= {
        "GET /v1/job/a": (200, JOB),
        "GET /v1/job/a/allocations": (
            200,
            [{"ID": "1", "DesiredStatus": "run", "CreateIndex": 1, "ClientStatus": "running"}],
        ),
        "GET /v1/allocation/1": (200, _allocation(double)),
        "GET /up": (200, {}),
    }
    # then one failing check is enough, unless it is left out
    assert jobs.health(cluster, "a").word == "check “ready” of a fails"
    found = jobs.health(cluster, "a", ignore=("ready",))
    assert (found.healthy, found.restarts, found.url) == (True, 2, f"{double.address}")
    assert jobs.address(cluster, "a") == double.address
    # and so is a job whose instances are those of the version before
    double.answers["GET /v1/job/a"] = (200, {**JOB, "Version": 2})
    assert jobs.health(cluster, "a", ignore=("ready",)).word == "being updated"
    double.answers["GET /v1/job/a"] = (200, JOB)
    # and a task that waits says for what
    double.answers["GET /v1/allocation/1"] = (200, _allocation(double, "pending"))
    assert jobs.health(cluster, "a").word == "pending: Missing: x"
    # and what is not there is told apart
    assert jobs.health(cluster, "b").word == "not submitted"
    double.answers["GET /v1/job/a/allocations"] = (200, [])
    double.answers["GET /v1/job/a/evaluations"] = (
        200,
        [{"Status": "complete", "BlockedEval": "e", "FailedTGAllocs": {"a": {"DimensionExhausted": {"memory": 1}}}}],
    )
    assert jobs.health(cluster, "a").word == "not placed: memory"
    with pytest.raises(OperatorError, match="a is not running"):
        jobs.address(cluster, "a")


def test_checks_of_ports_that_are_not_there_are_left_out() -> None:
    allocation = Allocation("1", "a", "running", (Port("http", "127.0.0.1", 80),), (Task("a", "running", 0, ""),), 0)
    assert [check.url for check in jobs.checks(JOB, allocation)] == [
        "http://127.0.0.1:80/up",
        "http://127.0.0.1:80/ready",
    ]


def test_a_variable_without_items_is_deleted(double: Double) -> None:
    cluster = Cluster(double.address, "token")
    double.answers["DELETE /v1/var/nomad/jobs/ui"] = (200, b"")
    # when it is there, and when it is not
    double.answers["GET /v1/var/nomad/jobs/ui"] = [(200, {"Items": {"api_key": "x"}}), (404, b"")]
    cluster.put_variable("nomad/jobs/ui", {})
    cluster.put_variable("nomad/jobs/ui", {})
    # then
    assert [asked for asked, _ in double.asked].count("DELETE /v1/var/nomad/jobs/ui") == 1


def test_the_gateway_is_asked_with_tls() -> None:
    job = {
        "TaskGroups": [
            {
                "Services": [
                    {
                        "Name": "gateway",
                        "PortLabel": "https",
                        "Checks": [
                            {
                                "Name": "healthy",
                                "Type": "http",
                                "Protocol": "https",
                                "Path": "/health/gateway",
                                "PortLabel": "",
                            }
                        ],
                    }
                ]
            }
        ]
    }
    allocation = Allocation("1", "gateway", "running", (Port("https", "127.0.0.1", 8443),), (), 0)
    assert [check.url for check in jobs.checks(job, allocation)] == ["https://127.0.0.1:8443/health/gateway"]
    assert jobs._url(allocation, "gateway") == "https://127.0.0.1:8443/"


def test_a_machine_without_caddy_runs_all_but_the_gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOSECAST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert set(jobs.NAMES) - set(jobs.runnable()) == {"gateway"}
    caddy = tmp_path / "caddy"
    caddy.write_text("#!/bin/sh\necho v2.10.2\n")
    caddy.chmod(0o755)
    assert jobs.runnable() == jobs.NAMES


def test_status_says_that_tls_is_missing(
    double: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLOSECAST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    nomad = Binary("Nomad", tmp_path / "nomad", "1.11.3", "PATH")
    assert not summary.services(Cluster(double.address, "token"), Agent(tmp_path, 4646), nomad)
    printed = capsys.readouterr().out
    assert "Gateway" not in printed
    assert "no gateway, so no TLS: there is no Caddy 2.10 or newer here" in printed


def test_nomads_refusals_are_told(double: Double) -> None:
    cluster = Cluster(double.address, "token")
    double.answers["GET /v1/nodes"] = (403, b"Permission denied")
    with pytest.raises(OperatorError, match="Nomad refuses the token"):
        cluster.node_is_ready()
    double.answers["GET /v1/nodes"] = (500, b"no leader")
    with pytest.raises(OperatorError, match="Nomad answered 500 to GET /nodes: no leader"):
        cluster.node_is_ready()
    with pytest.raises(OperatorError, match="Nomad does not answer"):
        Cluster("http://127.0.0.1:9", "token").node_is_ready()
    double.answers["POST /v1/acl/bootstrap"] = (500, b"no cluster")
    with pytest.raises(OperatorError, match="could not be set up: no cluster"):
        cluster.bootstrap("secret")
