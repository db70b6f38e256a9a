"""The operator's side of a running platform: credentials, the agent's configuration, ports, clients and what they print."""

import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from cryptography.fernet import Fernet

from ops import jobs, ports, predict, summary
from ops.agent import Agent
from ops.api import Api
from ops.binaries import Binary
from ops.cluster import Allocation, Cluster, Port, Task, wait
from ops.credentials import Credentials
from ops.errors import OperatorError
from ops.pipeline import Prefect
from ops.session import connect
from tests.unit.ops.conftest import Double


def test_credentials_are_made_once_and_only_the_user_reads_them(state: Path) -> None:
    # when
    made = Credentials.load_or_create()
    # then
    assert Credentials.load_or_create() == made == Credentials.load()
    assert Credentials.file().stat().st_mode & 0o777 == 0o600
    secrets = [value for value in vars(made).values() if value]
    assert len(set(secrets)) == len(secrets) == 12
    assert Credentials.file().parent == state


@pytest.mark.usefixtures("state")
def test_each_job_gets_what_it_needs_and_no_more() -> None:
    made = Credentials.load_or_create()
    variables = made.variables()
    assert set(variables) == {*jobs.NAMES, *jobs.BATCH} - {"gateway"}  # it needs none
    assert made.api_key not in json.dumps({job: items for job, items in variables.items() if job != "localstack"})
    assert variables["ui"] == {}
    assert variables["api"]["database_password"] == variables["postgres"]["closecast_password"]
    assert made.nomad_management_token not in json.dumps(variables)


def test_a_secret_that_an_earlier_version_lacked_is_added_and_the_others_stay(state: Path) -> None:
    # given a file of before
    before = Credentials.load_or_create()
    kept = {name: value for name, value in vars(before).items() if name != "webhook_secret"}
    Credentials.file().write_text(json.dumps(kept))
    with pytest.raises(OperatorError, match="of an earlier version"):
        Credentials.load()
    # when
    after = Credentials.load_or_create()
    # then
    assert Credentials.load() == after
    assert {name: value for name, value in vars(after).items() if name != "webhook_secret"} == kept
    assert after.webhook_secret not in ("", before.webhook_secret)
    assert Credentials.file().parent == state


def test_the_key_of_webhook_secrets_is_one_that_mlflow_takes(state: Path) -> None:
    made = Credentials.load_or_create()
    key = made.variables()["mlflow"]["webhook_encryption_key"]
    assert Fernet(key).decrypt(Fernet(key).encrypt(b"x")) == b"x"
    assert Credentials.file().parent == state


def test_missing_and_damaged_credentials_are_told(state: Path) -> None:
    with pytest.raises(OperatorError, match="has never been up here"):
        Credentials.load()
    state.mkdir()
    Credentials.file().write_text("{}")
    with pytest.raises(OperatorError, match="is damaged"):
        Credentials.load()


@pytest.mark.usefixtures("state")
def test_credentials_of_an_earlier_version_are_completed_by_up_and_by_nothing_else() -> None:
    # given
    made = Credentials.load_or_create()
    kept = {name: value for name, value in vars(made).items() if name != "closecast_database_password"}
    Credentials.file().write_text(json.dumps(kept))
    # then another command says what to do
    with pytest.raises(OperatorError, match="of an earlier version") as caught:
        Credentials.load()
    assert "just up" in str(caught.value)
    # when
    completed = Credentials.load_or_create()
    # then nothing that was there has changed
    assert {**vars(completed), "closecast_database_password": ""} == {**vars(made), "closecast_database_password": ""}
    assert len(completed.closecast_database_password) >= 43
    assert Credentials.load() == completed
    assert Credentials.file().stat().st_mode & 0o777 == 0o600


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
    assert agent.ports == (14646, 14647, 14648)
    # then
    written = agent._configured({"python": '/a "quoted" path'})
    assert 'bind_addr = "127.0.0.1"' in written
    assert "acl {\n  enabled = true" in written
    assert '"/a \\"quoted\\" path"' in written
    assert agent.is_outdated({})
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


def _run(state: str, message: str = "") -> dict[str, Any]:
    return {"name": "wise-owl", "state_type": state, "state": {"message": message}}


def test_a_run_is_followed_to_its_result(double: Double, capsys: pytest.CaptureFixture[str]) -> None:
    # given
    prefect = Prefect(double.address)
    task = {"id": "1", "name": "fit-0", "state_type": "COMPLETED", "total_run_time": 2.5}
    double.answers |= {
        "GET /api/deployments/name/train/closecast": (200, {"id": "d"}),
        "POST /api/deployments/d/create_flow_run": (201, {"id": "r"}),
        "GET /api/flow_runs/r": [(200, _run("RUNNING")), (200, _run("COMPLETED"))],
        "POST /api/task_runs/filter": (200, [task]),
        "POST /api/artifacts/filter": (200, [{"data": json.dumps([{"version": "3"}])}]),
    }
    # when
    run = prefect.submit("train/closecast", {"source": "synthetic"})
    prefect.follow(run)
    # then
    assert prefect.result(run) == {"version": "3"}
    printed = capsys.readouterr().out
    assert printed.count("fit: completed (2.5 s)") == 1
    assert "flow run wise-owl: completed" in printed


def test_a_failed_run_gives_the_flows_own_message(double: Double) -> None:
    prefect = Prefect(double.address)
    double.answers |= {
        "GET /api/flow_runs/r": (
            200,
            _run("FAILED", "Flow run encountered an exception: SourceError: there is no file"),
        ),
        "POST /api/task_runs/filter": (200, []),
        "POST /api/artifacts/filter": (200, []),
    }
    with pytest.raises(OperatorError, match="did not finish: SourceError: there is no file"):
        prefect.follow("r")
    with pytest.raises(OperatorError, match="completed without a result"):
        prefect.result("r")
    double.answers["GET /api/flow_runs/r"] = (200, _run("PENDING"))
    with pytest.raises(OperatorError, match="has not ended within 0 s"):
        prefect.follow("r", seconds=0.1)
    with pytest.raises(OperatorError, match="Prefect knows nothing at"):
        prefect.deployment("no/such")
    double.answers["GET /api/x"] = (500, b"broken")
    with pytest.raises(OperatorError, match="Prefect answered 500: broken"):
        prefect.call("GET", "/x")
    with pytest.raises(OperatorError, match="Prefect does not answer"):
        Prefect("http://127.0.0.1:9").call("GET", "/x")


def test_a_long_csv_is_sent_in_parts(double: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict, "_MAX_ROWS", 2)
    file = tmp_path / "deals.csv"
    file.write_text("engage_date\n2017-01-01\n2017-01-02\n2017-01-03\n")
    double.answers["POST /v1/predictions/batch"] = (200, {"predictions": [{"probability": 0.5}]})
    answers = predict._score(Api(double.address, "key"), file, {"horizon": "30"})
    assert len(answers) == 2
    assert [content for _, content in double.asked] == [
        b"engage_date\n2017-01-01\n2017-01-02\n",
        b"engage_date\n2017-01-03\n",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [([], "takes one CSV file"), (["deals.csv", "as=1"], "and not as"), (["absent.csv"], "there is no file")],
)
def test_predict_refuses_what_it_cannot_read(
    arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOSECAST_INVOCATION_DIR", str(tmp_path))
    with pytest.raises(OperatorError, match=words):
        predict.predict(arguments)


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "is empty"), (b"a\n", "a header and no deals"), (b"\xff\n1", "not UTF-8")]
)
def test_a_file_without_deals_is_told(content: bytes, words: str, tmp_path: Path) -> None:
    file = tmp_path / "deals.csv"
    file.write_bytes(content)
    with pytest.raises(OperatorError, match=words):
        predict._score(Api("http://127.0.0.1:9", "key"), file, {})


PREDICTION = {
    "deal": {"opportunity_id": "A1", "sales_agent": "Ada Berg", "product": "GTX Pro", "account": None, "engage_date": "2017-12-01"},
    "answer": {"probability": 0.417, "by": "2018-03-31", "as_of": "2017-12-31", "model": {"name": "closecast", "version": "4"}},
}  # fmt: skip


def test_a_prediction_is_said_in_words_and_as_a_request() -> None:
    assert summary.in_words(PREDICTION) == (
        "deal A1 (Ada Berg, GTX Pro) has a chance of 42% to be won by 31 March 2018, as of 2017-12-31 (model closecast version 4)"
    )
    assert '"engage_date": "2017-12-01"' in predict.as_curl("http://127.0.0.1:8000", PREDICTION)


JOB = {
    "Stop": False,
    "TaskGroups": [{"Services": [
        {"Name": "a", "PortLabel": "http", "Checks": [{"Name": "up", "Type": "http", "Path": "/up", "PortLabel": ""},
                                                      {"Name": "ready", "Type": "http", "Path": "/ready", "PortLabel": ""}]},
        {"Name": "b", "PortLabel": "other", "Checks": [{"Name": "no port", "Type": "tcp", "PortLabel": ""}]},
    ]}],
}  # fmt: skip


def _allocation(double: Double, state: str = "running") -> dict[str, Any]:
    return {
        "ID": "1", "ClientStatus": "running",
        "AllocatedResources": {"Shared": {"Ports": [{"Label": "http", "HostIP": "127.0.0.1", "Value": double.server_port}]}},
        "TaskStates": {"a": {"State": state, "Restarts": 2, "Events": [{"Type": "Waiting", "DisplayMessage": "Missing: x"}]}},
    }  # fmt: skip


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
    # and a task that waits says for what
    double.answers["GET /v1/allocation/1"] = (200, _allocation(double, "pending"))
    assert jobs.health(cluster, "a").word == "pending: Missing: x"
    # and what is not there is told apart
    assert jobs.health(cluster, "b").word == "not submitted"
    double.answers["GET /v1/job/a/allocations"] = (200, [])
    double.answers["GET /v1/job/a/evaluations"] = (
        200, [{"Status": "complete", "BlockedEval": "e", "FailedTGAllocs": {"a": {"DimensionExhausted": {"memory": 1}}}}]
    )  # fmt: skip
    assert jobs.health(cluster, "a").word == "not placed: memory"
    with pytest.raises(OperatorError, match="a is not running"):
        jobs.address(cluster, "a")


def test_checks_of_ports_that_are_not_there_are_left_out() -> None:
    allocation = Allocation("1", "a", "running", (Port("http", "127.0.0.1", 80),), (Task("a", "running", 0, ""),))
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
    job = {"TaskGroups": [{"Services": [{"Name": "gateway", "PortLabel": "https", "Checks": [
        {"Name": "healthy", "Type": "http", "Protocol": "https", "Path": "/health/gateway", "PortLabel": ""}]}]}]}  # fmt: skip
    allocation = Allocation("1", "gateway", "running", (Port("https", "127.0.0.1", 8443),), ())
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
