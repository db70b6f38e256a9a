"""A running platform as another account of its machine sees it, and as one of its own services does that was broken into."""

import os
import pwd
import ssl
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from ops import paths
from ops.down import processes_of
from ops.nomad import jobs
from ops.nomad.cluster import Cluster
from ops.setup import accounts
from tests.e2e.conftest import Platform
from tests.security.conftest import Run
from tests.security.ordinary import as_account
from tests.skips import OF_ACCOUNT

pytestmark = pytest.mark.e2e
as_root = pytest.mark.skipif(
    os.geteuid() != 0, reason=f"{OF_ACCOUNT} services have some of their own where `up` was run by root"
)


def _services(platform: Platform) -> list[psutil.Process]:
    """All processes of tasks; Nomad's own, which start them, are left out."""
    return [one for one in processes_of(platform.session.agent.data) if "nomad" not in one.name()]


def _tasks(platform: Platform) -> list[Path]:
    return [
        task
        for name in jobs.NAMES
        for allocation in platform.session.cluster.allocations(name)
        for task in (platform.session.agent.data / "alloc" / allocation.id).iterdir()
        if task.name != "alloc"
    ]


@as_root
def test_no_service_runs_as_root_or_can_become_root(platform: Platform) -> None:
    found = _services(platform)
    assert len(found) > len(jobs.NAMES)
    for process in found:
        with process.oneshot():
            told = f"{process.pid} {process.cmdline()[:3]}"
            assert process.uids().real == process.uids().effective == process.uids().saved != 0, told
            assert process.username().startswith(f"{accounts.group()}-"), told
        status = dict(
            line.split(":\t") for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if ":\t" in line
        )
        assert status["NoNewPrivs"] == "1", told
        assert status["CapEff"] == status["CapPrm"] == "0000000000000000", told
        assert status["Groups"].split() == [], told


@as_root
def test_each_kind_of_service_has_an_account_of_its_own(platform: Platform) -> None:
    owners: dict[str, set[str]] = {}
    for process in _services(platform):
        owners.setdefault(process.environ()["NOMAD_JOB_NAME"], set()).add(process.username())
    kinds = {"localstack": "objects", "prefect-worker": "worker"}
    assert owners == {name: {accounts.name(kinds.get(name, name))} for name in jobs.runnable()}


def test_nothing_listens_off_loopback(platform: Platform) -> None:
    agent = platform.session.agent
    ours = {one.pid for one in (*processes_of(agent.data), *agent.processes())}
    listening = [
        one
        for one in psutil.net_connections("inet")
        if one.pid in ours and (one.status == psutil.CONN_LISTEN or (one.type == 2 and not one.raddr))
    ]
    assert len(listening) > len(jobs.NAMES)
    for one in listening:
        assert one.laddr
        assert one.laddr.ip in ("127.0.0.1", "::1", "::ffff:127.0.0.1"), (
            one.laddr,
            psutil.Process(one.pid).cmdline()[:4],
        )


@pytest.mark.parametrize(
    "path",
    [
        "",
        "credentials.json",
        "nomad",
        "nomad/data",
        "nomad/data/alloc",
        "nomad/data/server",
        "nomad/agent.log",
        "postgres",
        "models",
        "mirror",
        "terraform",
        "localstack",
        "gateway",
        "cache",
        "prefect",
        "worker",
        "batch",
    ],
)
def test_a_stranger_reads_and_writes_nothing_of_the_platforms_data(
    platform: Platform, stranger: Run, path: str
) -> None:
    target = paths.state() / path
    assert target.exists()
    for command in (
        ["ls", str(target)],
        ["cat", str(target)],
        ["touch", f"{target}/x"],
        ["mv", str(target), f"{target}.x"],
    ):
        if command[0] == ("cat" if target.is_dir() else "ls"):
            continue
        done = stranger(*command)
        assert done.returncode != 0, (command, done.stdout)
        assert "ermission denied" in done.stderr or "annot" in done.stderr
    assert platform.session.agent.is_running()


def test_a_stranger_gets_into_no_tasks_folder(platform: Platform, stranger: Run) -> None:
    tasks = _tasks(platform)
    assert len(tasks) > len(jobs.NAMES)
    for task in tasks:
        for command in (
            ["ls", str(task)],
            ["ls", str(task / "secrets")],
            ["touch", str(task / "csv.py")],
            ["mv", str(task / "secrets"), str(task / "moved")],
            ["cat", str(task / "secrets" / "nomad_api.jwt")],
            ["cat", str(task / "secrets" / "addresses")],
        ):
            assert stranger(*command).returncode != 0, command


def test_a_stranger_sees_no_secret_in_a_command_line_or_an_environment(platform: Platform, stranger: Run) -> None:
    lines = stranger("sh", "-c", "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'").stdout
    assert "nomad" in lines
    for name, secret in vars(platform.session.credentials).items():
        assert not secret or secret not in lines, name


@as_root
def test_a_service_that_was_broken_into_reaches_no_other(platform: Platform) -> None:
    tasks, own = _tasks(platform), accounts.name("api")
    assert as_account(own, "ls", str(paths.state() / "models")).returncode == 0
    for folder in (folder for kind, names in accounts.FOLDERS.items() if kind != "api" for folder in names):
        assert as_account(own, "ls", str(paths.state() / folder)).returncode != 0, folder
    others = [task for task in tasks if task.stat().st_uid != pwd.getpwnam(own).pw_uid]
    assert 0 < len(others) < len(tasks)
    for task in others:
        for command in (
            ["ls", str(task)],
            ["touch", str(task / "csv.py")],
            ["mv", str(task / "secrets"), str(task / "x")],
        ):
            assert as_account(own, *command).returncode != 0, command
    # nor can it change what it runs itself
    for part in ("code/services/api/__main__.py", "venv/bin/python", "venv/lib"):
        assert as_account(own, "test", "-w", str(paths.state() / "runtime" / part)).returncode == 1, part


def test_the_user_interface_shows_nothing_to_who_has_not_signed_in(platform: Platform) -> None:
    gateway, trusted = platform.address("gateway"), str(jobs.root_certificate())
    with httpx.Client(base_url=gateway, verify=ssl.create_default_context(cafile=trusted), trust_env=False) as client:
        for path in ("/", "/_stcore/stream", "/_stcore/health", "/media/x", "/static/x"):
            assert client.get(path).status_code == 401
            assert client.get(path, headers={"Cookie": "closecast_session=cs_guessed"}).status_code == 401
        page = client.get("/", headers={"Accept": "text/html"})
        assert (page.status_code, page.headers["location"]) == (303, "/sign-in?next=%2F")
        assert "<title>Sign in" in client.get("/sign-in").text
        assert client.get("/health/ready").status_code == 200


@pytest.fixture(scope="module")
def tokens(platform: Platform) -> dict[str, str]:
    """A token of Nomad for each policy that somebody bears, and none."""
    session = platform.session
    manager = Cluster(session.agent.address, session.credentials.nomad_management_token)
    return {
        **{
            name: manager.create_token("a test's", [name]) for name in ("dispatcher", "deployer", "developer", "reader")
        },
        "operator": session.credentials.nomad_operator_token,
        "nobody": "",
    }


_WATCHING = {"deployer", "developer", "reader"}
_JOB = {
    "Job": {
        "ID": "postgres",
        "Name": "postgres",
        "Type": "batch",
        "Datacenters": ["*"],
        "TaskGroups": [
            {"Name": "x", "Tasks": [{"Name": "x", "Driver": "raw_exec", "Config": {"command": "/usr/bin/id"}}]}
        ],
    }
}


@pytest.mark.parametrize(
    ("method", "route", "body", "allowed"),
    [
        ("GET", "/jobs", None, _WATCHING | {"dispatcher", "operator"}),
        ("GET", "/job/score", None, _WATCHING | {"dispatcher", "operator"}),
        ("POST", "/job/score/dispatch", {"Meta": {}}, {"dispatcher", "operator"}),
        ("POST", "/jobs", _JOB, set()),
        ("POST", "/job/postgres/plan", {**_JOB, "Diff": False}, {"deployer"}),
        ("POST", "/job/postgres", _JOB, set()),
        ("DELETE", "/job/postgres", None, set()),
        ("POST", "/job/postgres/revert", {"JobID": "postgres", "JobVersion": 0}, set()),
        ("POST", "/job/postgres/scale", {"Count": 0, "Target": {"Group": "postgres"}}, set()),
        ("GET", "/var/nomad/jobs/postgres", None, set()),
        ("PUT", "/var/nomad/jobs/postgres", {"Items": {"a": "b"}}, set()),
        ("GET", "/acl/tokens", None, set()),
        ("POST", "/acl/token", {"Type": "management"}, set()),
        ("POST", "/acl/policy/dispatcher", {"Name": "dispatcher", "Rules": ""}, set()),
        ("GET", "/operator/snapshot", None, set()),
        ("POST", "/operator/keyring/rotate", None, set()),
        ("GET", "/nodes", None, {"operator", "reader"}),
        ("GET", "/var/nomad/jobs/mine?namespace=development", None, {"developer"}),
        ("PUT", "/var/nomad/jobs/mine?namespace=development", {"Items": {"a": "b"}}, {"developer"}),
        ("PUT", "/namespace/development", {"Name": "development"}, set()),
    ],
)
def test_each_token_may_what_its_policy_says_and_no_more(
    platform: Platform, tokens: dict[str, str], method: str, route: str, body: object, allowed: set[str]
) -> None:
    for who, token in tokens.items():
        url, header = f"{platform.session.agent.address}/v1{route}", {"X-Nomad-Token": token}
        status = httpx.request(method, url, json=body, headers=header, timeout=30, trust_env=False).status_code
        # What is let in may be refused for what it asks; who is not let in learns nothing else.
        assert (status not in (401, 403)) == (who in allowed), (who, status)


def _stolen(name: str, namespace: str, driver: str, variable: str) -> dict[str, Any]:
    """A job of this name whose task asks for the Variable of another."""
    template = f'{{{{ with nomadVar "{variable}" }}}}{{{{ range .Tuples }}}}{{{{ .K }}}}={{{{ .V }}}} {{{{ end }}}}{{{{ end }}}}'
    task = {
        "Name": "x",
        "Driver": driver,
        "Config": {"command": "/bin/sleep", "args": ["60"]},
        "Templates": [{"EmbeddedTmpl": template, "DestPath": "local/stolen"}],
    }
    groups = [{"Name": "x", "Tasks": [task], "RestartPolicy": {"Attempts": 0, "Mode": "fail"}}]
    return {
        "ID": name,
        "Name": name,
        "Namespace": namespace,
        "Type": "batch",
        "Datacenters": ["*"],
        "TaskGroups": groups,
    }


def test_no_token_submits_a_job_that_reads_the_secrets_of_another(platform: Platform, tokens: dict[str, str]) -> None:
    session = platform.session
    manager = httpx.Client(
        base_url=f"{session.agent.address}/v1",
        headers={"X-Nomad-Token": session.credentials.nomad_management_token},
        trust_env=False,
        timeout=30,
    )
    wanted = session.credentials.variables()["postgres"]["superuser_password"]
    taken: list[str] = []
    for who, token in tokens.items():
        for namespace in ("default", "development"):
            for driver in ("raw_exec", "exec"):
                for variable in ("nomad/jobs/postgres", "nomad/jobs/postgres@default", "nomad/jobs"):
                    job = _stolen("postgres", namespace, driver, variable)
                    answer = httpx.post(
                        f"{session.agent.address}/v1/jobs?namespace={namespace}",
                        json={"Job": job},
                        headers={"X-Nomad-Token": token},
                        timeout=30,
                        trust_env=False,
                    )
                    if not answer.is_success:
                        # What the namespace forbids is refused to everybody, before it is asked who it is.
                        forbidden = (namespace, driver) == ("development", "raw_exec")
                        assert answer.status_code == (500 if forbidden else 403), (who, answer.text)
                        assert "raw_exec" in answer.text or not forbidden
                        continue
                    assert (who, namespace, driver) == ("developer", "development", "exec"), answer.text
                    taken.append(variable)
                    _wait_for_the_end_of_the_template(platform, manager, wanted)
    assert taken == ["nomad/jobs/postgres", "nomad/jobs/postgres@default", "nomad/jobs"]
    # then none of them has got it
    for found in session.agent.data.glob("alloc/*/x/local/stolen"):
        assert wanted not in found.read_text()
    assert manager.get("/job/postgres").json()["TaskGroups"][0]["Name"] == "postgres"


def _wait_for_the_end_of_the_template(platform: Platform, manager: httpx.Client, wanted: str) -> None:
    """Until the task waits for a Variable that is not there, has failed, or has run; then the job is taken away.

    What it was given by then is looked at first: Nomad may delete it together with the job.
    """

    def settled() -> bool:
        found = manager.get("/job/postgres/allocations", params={"namespace": "development"}).json()
        events = [
            event["DisplayMessage"]
            for one in found
            for state in (one["TaskStates"] or {}).values()
            for event in state["Events"]
        ]
        blocked = manager.get("/job/postgres/summary", params={"namespace": "development"}).json()
        queued = sum(one["Queued"] for one in blocked["Summary"].values())
        return queued > 0 or any("Missing" in one or "Template" in one or "started" in one for one in events)

    platform.eventually(settled, "what becomes of a job that asks for another's secrets", seconds=60)
    for found in platform.session.agent.data.glob("alloc/*/x/local/stolen"):
        assert wanted not in found.read_text()
    manager.delete("/job/postgres", params={"namespace": "development", "purge": "true"})
