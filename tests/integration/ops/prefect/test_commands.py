"""The commands of the `prefect` group and what `up` deploys, on a real Prefect server. Where it is, Nomad would say."""

import sys
import webbrowser
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows.deployments import INVENTORY
from ops.errors import OperatorError
from ops.nomad import jobs
from ops.nomad.agent import Agent
from ops.nomad.cluster import Cluster
from ops.nomad.jobs import Cli
from ops.nomad.session import Session
from ops.prefect import commands as prefect_commands
from ops.prefect import deploy
from ops.prefect.pipeline import Prefect
from ops.setup import accounts
from ops.setup.binaries import Binary
from ops.setup.credentials import Credentials
from tests.servers.processes import free_port, running

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("session")]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prefect without its background services, which lock its SQLite at times: its PostgreSQL does not answer 503 then."""
    port, folder = free_port(), tmp_path_factory.mktemp("prefect")
    command = [
        sys.executable,
        "-m",
        "prefect",
        "server",
        "start",
        "--no-services",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    environment = {
        "PREFECT_HOME": str(folder),
        "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{folder / 'prefect.db'}",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }
    with running(command, environment, f"http://127.0.0.1:{port}/api/health", folder):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def server(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Prefect]:
    monkeypatch.setenv("CLOSECAST_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    # `up` makes the accounts of a platform, and it did not run for this one.
    monkeypatch.setattr(accounts, "wanted", lambda: False)
    Credentials.load_or_create()
    found = Prefect(address)
    _forget(found)
    yield found
    _forget(found)


@pytest.fixture
def session(server: Prefect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    agent = Agent.of_state()
    cli = Cli(Binary("Nomad", tmp_path / "no-nomad", "1.11.3", "PATH"), agent, "token")
    made = Session(agent, Credentials.load(), Cluster(f"http://127.0.0.1:{free_port()}", "token"), cli)
    monkeypatch.setattr(prefect_commands, "connect", lambda: made)
    monkeypatch.setattr(jobs, "address", lambda _cluster, _name: server.address)
    return made


def _forget(server: Prefect) -> None:
    for kind in ("flow_runs", "deployments", "variables"):
        for one in server.call("POST", f"/{kind}/filter", {}):
            server.call("DELETE", f"/{kind}/{one['id']}")


def _deployment(server: Prefect, flow: str) -> str:
    """The id of the deployment `flow`/closecast, made anew."""
    flow_id = server.call("POST", "/flows/", {"name": flow})["id"]
    return str(server.call("POST", "/deployments/", {"name": "closecast", "flow_id": flow_id})["id"])


def _run(server: Prefect, state: str = "COMPLETED") -> str:
    flow_id = server.call("POST", "/flows/", {"name": "train"})["id"]
    run = server.call("POST", "/flow_runs/", {"flow_id": flow_id, "name": "wise-owl", "state": {"type": "RUNNING"}})
    server.call("POST", f"/flow_runs/{run['id']}/set_state", {"state": {"type": state}, "force": True})
    return str(run["id"])


def _paused(server: Prefect) -> dict[str, bool]:
    found = server.call("POST", "/deployments/filter", {})
    return {server.call("GET", f"/flows/{one['flow_id']}")["name"]: one["paused"] for one in found}


def test_flows_are_deployed_once_and_again_when_prefect_has_lost_them(
    server: Prefect, session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    # when
    deploy.ensure_deployments(session.cluster)
    # then
    assert "flows deployed to Prefect" in capsys.readouterr().out
    assert set(_paused(server)) == {one.flow for one in INVENTORY}
    # when nothing has changed, then nothing is done
    deploy.ensure_deployments(session.cluster)
    assert "deployed" not in capsys.readouterr().out
    # when Prefect has lost them
    _forget(server)
    deploy.ensure_deployments(session.cluster)
    assert set(_paused(server)) == {one.flow for one in INVENTORY}


def test_flows_that_cannot_be_deployed_are_told(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "address", lambda _cluster, _name: f"http://127.0.0.1:{free_port()}")
    with pytest.raises(OperatorError, match=r"the flows could not be deployed: .*\n.*`just logs prefect`"):
        deploy.deploy(session.cluster)
    assert not (session.agent.folder.parent / "deployed").exists()


def test_deployments_are_paused_and_resumed_one_or_all(server: Prefect, capsys: pytest.CaptureFixture[str]) -> None:
    for flow in ("train", "score"):
        _deployment(server, flow)
    # when
    prefect_commands.pause(["train/closecast"])
    # then
    assert _paused(server) == {"train": True, "score": False}
    assert capsys.readouterr().out == "closecast of flow train: paused\n"
    prefect_commands.pause([])
    assert _paused(server) == {"train": True, "score": True}
    prefect_commands.resume([])
    assert _paused(server) == {"train": False, "score": False}
    with pytest.raises(OperatorError, match="Prefect knows nothing at /deployments/name/tarin/closecast"):
        prefect_commands.pause(["tarin/closecast"])


def test_deployments_and_runs_are_listed(server: Prefect, capsys: pytest.CaptureFixture[str]) -> None:
    # given
    _deployment(server, "train")
    prefect_commands.status_all([])
    printed = capsys.readouterr().out
    assert "train/closecast" in printed
    assert "no flow runs yet" in printed
    # when
    run = _run(server)
    prefect_commands.status_all([])
    # then
    printed = capsys.readouterr().out
    assert "wise-owl" in printed
    assert "completed" in printed
    assert run in printed


def test_the_log_is_the_latest_runs_or_that_of_the_one_named(
    server: Prefect, capsys: pytest.CaptureFixture[str]
) -> None:
    # given
    with pytest.raises(OperatorError, match="there are no flow runs yet"):
        prefect_commands.logs([])
    run = _run(server)
    prefect_commands.logs([])
    assert capsys.readouterr().out == f"flow run {run} has logged nothing\n"
    # when there is more than one page
    at = datetime.now(UTC).isoformat()
    lines = [
        {"name": "flow", "level": 30, "message": f"line {number}", "timestamp": at, "flow_run_id": run}
        for number in range(250)
    ]
    server.call("POST", "/logs/", lines)
    prefect_commands.logs([run])
    # then
    printed = capsys.readouterr().out.splitlines()
    assert {line.split("WARNING")[1].strip() for line in printed} == {f"line {number}" for number in range(250)}


def test_runs_that_ended_long_ago_are_deleted_and_no_others(
    server: Prefect, capsys: pytest.CaptureFixture[str]
) -> None:
    # given
    _run(server)
    running = _run(server, "RUNNING")
    # when / then
    prefect_commands.clean([])
    assert capsys.readouterr().out == "deleted 0 flow runs that ended more than 30 days ago\n"
    prefect_commands.clean(["days=0"])
    assert capsys.readouterr().out == "deleted 1 flow runs that ended more than 0 days ago\n"
    assert [one["id"] for one in server.call("POST", "/flow_runs/filter", {})] == [running]


def test_the_page_is_named_and_opened(
    server: Prefect, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    assert prefect_commands.ui([]) == 0
    assert [capsys.readouterr().out.strip()] == opened == [server.address]
