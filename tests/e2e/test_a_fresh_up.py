"""What a fresh `up` leaves in the logs. It stands first among these tests: the others kill, and killing leaves traces."""

import json
import re

import httpx
import pytest

from closecast.platform.prefect_http import PrefectAuth
from ops.nomad import jobs
from tests.e2e.conftest import Platform

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
_BAD = re.compile(r"traceback|\b(error|critical|fatal|panic)\b|exception", re.IGNORECASE)
_BAD_LEVELS = ("error", "critical", "fatal", "panic")
# Nomad's agent writes these on every first start, and each is over a moment later.
_AGENT_KNOWN = (
    # A machine without Docker: the driver is part of Nomad, and no job of this machine asks for it.
    "failed to list pause containers for recovery",
    # The node asks to be registered a moment before the new keyring can sign its identity, and asks again.
    "keyring has not been initialized yet",
    # A task waits for a service that is not there yet: its template asks for a Variable that it may not read.
    "(runner) sending server error back to caller",
    'error="rpc error: Permission denied" rpc=Variables.Read',
)
# Prefect's server learns of a task run from two sides at once, and leaves it to the database which came first.
_KNOWN = ('duplicate key value violates unique constraint "pk_task_run"',)


def _is_bad(line: str) -> bool:
    """By its level where it is JSON: the gateway says, at level info, that the API is not there yet, with an `error` field."""
    try:
        return str(json.loads(line)["level"]).lower() in _BAD_LEVELS
    except (ValueError, TypeError, KeyError):
        return bool(_BAD.search(line))


@pytest.mark.parametrize("job", jobs.NAMES)
def test_the_log_of_each_service_holds_no_error(platform: Platform, job: str) -> None:
    if job not in jobs.runnable():
        pytest.skip(f"this machine cannot run {job}")
    allocation = platform.session.cluster.allocation(job)
    assert allocation is not None
    for task in allocation.tasks:
        for stream in ("-stdout", "-stderr"):
            done = platform.session.cli.run("alloc", "logs", stream, allocation.id, task.name)
            assert done.returncode == 0, done.stderr
            lines = [line for line in done.stdout.splitlines() if not any(known in line for known in _KNOWN)]
            bad = [line for line in lines if _is_bad(line)]
            assert not bad, f"{job}/{task.name} {stream}: {bad[:10]}"


def test_the_agents_log_holds_no_error_but_those_of_a_first_start(platform: Platform) -> None:
    halves = platform.session.agent.roles
    lines = [line for half in halves for line in half.log.read_text(errors="replace").splitlines()]
    errors = [line for line in lines if "[ERROR]" in line and not any(known in line for known in _AGENT_KNOWN)]
    assert not errors, errors[:10]


def test_prefects_own_services_run_and_the_platform_looks_at_them(platform: Platform) -> None:
    # given
    cluster = platform.session.cluster
    job, allocation = cluster.job("prefect"), cluster.allocation("prefect")
    assert job is not None
    assert allocation is not None
    # when
    (page,) = [one.url for one in jobs.checks(job, allocation) if one.name == "background services run"]
    found = httpx.get(page, timeout=30, auth=PrefectAuth(platform.session.credentials.prefect_auth_string)).json()
    # then
    assert found["problems"] == []
    assert {"schedule_deployments", "schedule_recent_deployments", "monitor_late_runs"} <= found["services"].keys()


def test_no_service_was_restarted(platform: Platform) -> None:
    restarts = {name: jobs.health(platform.session.cluster, name).restarts for name in jobs.runnable()}
    assert not any(restarts.values()), restarts
