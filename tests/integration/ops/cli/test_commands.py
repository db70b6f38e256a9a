"""Day-to-day commands: what each takes, and what those say that ask no running platform or only its secrets and Prefect."""

import sys
from pathlib import Path
from typing import Any

import pytest

from ops import __main__ as entry
from ops import up
from ops.cli import commands, terminal
from ops.errors import OperatorError
from ops.nomad import agent, jobs
from ops.nomad.cluster import Cluster
from ops.nomad.jobs import Cli
from ops.nomad.session import Session
from ops.prefect import commands as prefect_commands
from ops.setup import accounts, environment
from ops.setup.binaries import Binary
from ops.setup.credentials import Credentials
from tests.http_double import Double


@pytest.fixture
def session(state: Path, double: Double, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A platform that is up: one double stands for Nomad, which names its own address for each service, and for the services."""
    found = agent.Agent(state / "nomad", double.server_port)
    cli = Cli(Binary("Nomad", state / "no-nomad", "1.11.3", "PATH"), found, "token")
    made = Session(found, Credentials.load_or_create(), Cluster(double.address, "token"), cli)
    for module in (commands, prefect_commands):
        monkeypatch.setattr(module, "connect", lambda: made)
    for job in ("prefect", "prefect-worker", "api", "mlflow"):
        double.answers[f"GET /v1/job/{job}/allocations"] = (
            200,
            [{"ID": job, "DesiredStatus": "run", "CreateIndex": 1, "ClientStatus": "running"}],
        )
        double.answers[f"GET /v1/allocation/{job}"] = (200, _allocation(double))
    assert jobs.address(made.cluster, "prefect") == double.address
    return made


_ENDED = {"State": "dead", "Restarts": 0}


def _allocation(double: Double) -> dict[str, Any]:
    port = {"Label": "http", "HostIP": "127.0.0.1", "Value": double.server_port}
    return {
        "ID": "1",
        "ClientStatus": "running",
        "Job": {"Version": 1},
        "AllocatedResources": {"Shared": {"Ports": [port]}},
        "TaskStates": {},
    }


def test_the_agents_log_is_printed_also_when_it_is_down(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # given
    with pytest.raises(OperatorError, match="there is no log in"):
        commands.logs(["nomad"])
    (state / "nomad").mkdir(parents=True)
    (state / "nomad" / "client.log").write_bytes(b"node registered \xff\n\n")
    # when / then
    assert commands.logs(["nomad"]) == 0
    assert capsys.readouterr().out == "── client ──\nnode registered �\n"


@pytest.mark.usefixtures("session")
def test_logs_of_a_job_that_nobody_submitted_name_it(double: Double) -> None:
    double.answers["GET /v1/job/api/allocations"] = (200, [])
    with pytest.raises(OperatorError, match="the job api has no allocation"):
        commands.logs(["api"])


def test_a_stopped_job_is_told_by_what_its_last_allocation_wrote(
    session: Session, double: Double, capsys: pytest.CaptureFixture[str]
) -> None:
    # given two allocations that were stopped, and a command line of Nomad that says what it was asked for
    ended = [{"ID": one, "DesiredStatus": "stop", "CreateIndex": at} for at, one in enumerate(("before", "last"))]
    double.answers["GET /v1/job/api/allocations"] = (200, ended)
    double.answers["GET /v1/allocation/last"] = (
        200,
        {**_allocation(double), "ID": "last", "TaskStates": {"api": _ENDED}},
    )
    nomad = session.cli.nomad.path
    nomad.write_text('#!/bin/sh\necho "$@"\n')
    nomad.chmod(0o700)
    # when
    assert commands.logs(["api"]) == 0
    # then
    assert "── api err ──\nalloc logs -tail -n 200 -stderr last api\n" in capsys.readouterr().out


def test_secrets_are_printed_when_asked_for(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    credentials = session.credentials
    commands.api_key([])
    assert capsys.readouterr().out == f"{credentials.api_key}\n"
    commands.passwords([])
    printed = capsys.readouterr().out
    for secret in (credentials.ui_password, credentials.prefect_auth_string, credentials.mlflow_reader_password):
        assert secret in printed


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("prefect-clean", ["weeks=3"], "unrecognized arguments: weeks=3"),
        ("prefect-clean", ["days=-1"], "'-1' is no whole number from 0"),
        ("prefect-run", ["a/b", "c/d"], "unrecognized arguments: c/d"),
        ("prefect-run", ["seed=1", "seed=2"], "--seed is there twice"),
        ("prefect-run", ["source=file:/nowhere.csv"], "there is no file /nowhere.csv"),
    ],
)
def test_prefects_commands_refuse_what_they_do_not_take(
    name: str, arguments: list[str], words: str, double: Double
) -> None:
    with pytest.raises(OperatorError, match=words):
        commands.COMMANDS[name](arguments)
    assert not any("/api/" in route for route, _ in double.asked)


@pytest.mark.parametrize("arguments", [["source=nonsense"], ["as_of=yesterday"], ["fiscal_year_start=13"]])
def test_up_refuses_an_argument_before_it_makes_anything(arguments: list[str], state: Path) -> None:
    with pytest.raises(OperatorError):
        up.up(arguments)
    assert not state.exists()


def test_a_second_up_ends_and_names_the_folder(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "wanted", lambda: False)

    # given one that is at work
    def again() -> None:
        with pytest.raises(OperatorError, match=f"another `just up` or `just down` is at work on {state}"):
            up.up([])
        raise OperatorError("no Nomad here", "get one")

    monkeypatch.setattr(up, "start_scheduler", again)
    # when / then
    with pytest.raises(OperatorError, match="no Nomad here"):
        up.up([])
    assert state.stat().st_mode & 0o777 == 0o700


def test_a_command_that_there_is_not_is_told_with_those_there_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(terminal, "adopt", lambda: None)  # it would take over the test's own streams
    monkeypatch.setattr(sys, "argv", ["ops", "tarin"])
    monkeypatch.setattr(environment, "is_active", lambda: True)  # else it would go on in another process
    assert entry.main() == 1
    told = capsys.readouterr().err
    assert "there is no command 'tarin'" in told
    assert "train, user-change, user-create, users, vulnerabilities;" in told
