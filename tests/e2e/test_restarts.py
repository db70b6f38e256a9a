"""A caller asks for predictions all the time while the agent ends and is started again, and while jobs are restarted."""

import ssl

import psutil
import pytest

from ops.nomad import jobs
from tests.e2e.conftest import Platform
from tests.load import Load

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
ENDS = [("server", "client"), ("server",), ("client",)]


def _load(platform: Platform, job: str = "api") -> Load:
    trusted = ssl.create_default_context(cafile=str(jobs.root_certificate())) if job == "gateway" else True
    return Load(platform.address(job), platform.session.credentials.api_key, trusted, period=0.05)


def _processes(platform: Platform) -> dict[str, tuple[set[int], int]]:
    """Process ids of the tasks and their restarts, by job."""
    found = {}
    for name in jobs.runnable():
        allocation = platform.session.cluster.allocation(name)
        assert allocation is not None
        running = {
            one.pid for task in allocation.tasks for one in platform.processes(name, task.name) if _is_first(one)
        }
        found[name] = (running, sum(task.restarts for task in allocation.tasks))
    return found


def _is_first(process: psutil.Process) -> bool:
    """Whether Nomad's executor started it: workers of a server come and go."""
    parent = process.parent()
    return parent is not None and "executor" in parent.cmdline()


@pytest.mark.parametrize("ended", ENDS, ids=" and ".join)
def test_nobody_notices_that_the_agent_was_killed(platform: Platform, ended: tuple[str, ...]) -> None:
    # given
    before = _processes(platform)
    with _load(platform) as load:
        # when
        for half in platform.session.agent.roles:
            process = half.process()
            if half.name in ended and process is not None:
                process.kill()
                process.wait(30)
        printed = platform.just("status", fails=True)
        assert ("its client is not running" if ended == ("client",) else "the services go on") in printed
        platform.just("up")
    # then
    assert load.answered > 50
    assert not load.refused, load.refused
    assert _processes(platform) == before


def test_a_restart_of_the_api_says_what_it_interrupts_and_waits_for_its_return(platform: Platform) -> None:
    before = _processes(platform)["api"]
    with _load(platform) as load:
        printed = platform.just("restart", "api")
        # it is back when the command ends
        assert platform.api("GET", "/v1/model").status_code == 200
    assert "api has one instance: until it is back, callers of its own port are refused" in printed
    assert "api is back after" in printed
    # then nothing but its absence was noticed: no request that it had taken was broken off with an answer of its own
    assert load.answered
    assert all("Connect" in problem or "Read" in problem for problem in load.refused), load.refused
    assert _processes(platform)["api"][0].isdisjoint(before[0])


def test_jobs_that_cannot_be_restarted_are_named(platform: Platform) -> None:
    assert "there is no job 'apis'" in platform.just("restart", "apis", fails=True)
    assert "score runs only when a flow dispatches it" in platform.just("restart", "score", fails=True)
