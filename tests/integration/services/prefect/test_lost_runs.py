"""Whatever is killed: a run whose process is gone is ended within minutes, its slot is free, and it is tried again."""

import os
import signal
from collections.abc import Iterator

import psutil
import pytest

from services.prefect import MOST_ATTEMPTS
from tests.prefects import Prefects

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(900)]
LONG = 600.0
CRASHED = 180.0  # seconds, as promised in docs/flows.md


@pytest.fixture
def deployment(prefect: Prefects) -> Iterator[str]:
    """Its runs are put out of the way of the next test's, whatever came of this one."""
    found = prefect.deploy()
    yield found
    for run in prefect.runs(state={"type": {"any_": ["SCHEDULED", "PENDING", "RUNNING"]}}):
        prefect.call("POST", f"/flow_runs/{run['id']}/set_state", {"state": {"type": "CANCELLED"}, "force": True})
        for process in prefect.processes(run["id"]):
            process.kill()


def _running(prefect: Prefects, deployment: str, seconds: float = LONG) -> str:
    run = prefect.submit(deployment, seconds)
    prefect.until(run, "RUNNING")
    assert prefect.processes(run)
    return run


def _is_ended_and_tried_again(prefect: Prefects, run: str) -> None:
    """Crashed, its process gone, and another run of its kind under way; which is then put out of the way."""
    prefect.until(run, "CRASHED", seconds=CRASHED)
    _has_no_process(prefect, run)
    again = prefect.eventually(lambda: prefect.after(run), "it is not tried again", 60)
    assert "attempt-2" in again["tags"]
    assert again["parameters"] == prefect.run(run)["parameters"]
    prefect.until(again["id"], "RUNNING")  # so the slot is free
    _cancel(prefect, again["id"])


def _has_no_process(prefect: Prefects, run: str) -> None:
    """Prefect starts one more for what a flow may have to do after a crash: it is over in a moment."""
    prefect.eventually(lambda: not prefect.processes(run), "it still has a process", 60)


def _cancel(prefect: Prefects, run: str) -> None:
    prefect.call("POST", f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}, "force": True})
    prefect.until(run, "CANCELLED")


def test_worker_and_flow_are_killed_and_the_server_restarts(prefect: Prefects, deployment: str) -> None:
    # given
    run = _running(prefect, deployment)
    # when
    prefect.worker.kill()
    for process in prefect.processes(run):
        process.kill()
    prefect.server.kill()
    prefect.server.start()
    prefect.worker.start()
    # then
    _is_ended_and_tried_again(prefect, run)


def test_the_worker_alone_is_killed(prefect: Prefects, deployment: str) -> None:
    # given
    run = _running(prefect, deployment)
    # when
    os.kill(prefect.worker.pid, signal.SIGKILL)
    assert prefect.processes(run)  # orphaned, and at work
    prefect.worker.stop()
    prefect.worker.start()
    # then
    _is_ended_and_tried_again(prefect, run)


def test_the_flow_alone_is_killed(prefect: Prefects, deployment: str) -> None:
    # given
    run = _running(prefect, deployment)
    # when
    for process in prefect.processes(run):
        process.kill()
    # then
    _is_ended_and_tried_again(prefect, run)


def test_the_flow_is_killed_while_the_server_is_away(prefect: Prefects, deployment: str) -> None:
    # given
    run = _running(prefect, deployment)
    # when
    prefect.server.kill()
    for process in prefect.processes(run):
        process.kill()
    prefect.server.start()
    # then
    _is_ended_and_tried_again(prefect, run)


def test_the_machine_restarts(prefect: Prefects, deployment: str) -> None:
    # given
    run = _running(prefect, deployment)
    # when
    prefect.worker.kill()
    for process in prefect.processes(run):
        process.kill()
    prefect.server.kill()
    prefect.database.kill()
    for one in (prefect.database, prefect.server, prefect.worker):
        one.start()
    # then
    _is_ended_and_tried_again(prefect, run)


def test_the_worker_is_stopped(prefect: Prefects, deployment: str) -> None:
    # given
    run = _running(prefect, deployment)
    # when
    os.kill(prefect.worker.pid, signal.SIGTERM)
    prefect.until(run, "CRASHED", seconds=30)
    _has_no_process(prefect, run)
    prefect.worker.stop()
    prefect.worker.start()
    # then
    _is_ended_and_tried_again(prefect, run)


def test_no_run_is_tried_more_often_than_promised(prefect: Prefects, deployment: str) -> None:
    # given
    run = prefect.submit(deployment, LONG)
    # when each attempt is killed
    for attempt in range(1, MOST_ATTEMPTS + 1):
        prefect.until(run, "RUNNING")
        assert prefect.run(run)["name"].endswith(f"(attempt {attempt})") == (attempt > 1)
        for process in prefect.processes(run):
            process.kill()
        prefect.until(run, "CRASHED")
        if attempt < MOST_ATTEMPTS:
            run = prefect.eventually(lambda run=run: prefect.after(run), "it is not tried again", 60)["id"]  # type: ignore[misc]
    # then the next run of all has its turn
    assert prefect.until(prefect.submit(deployment, 0.1), "COMPLETED")
    assert prefect.after(run) is None


def test_what_may_not_be_repeated_is_left(prefect: Prefects) -> None:
    # given
    deployment = prefect.deploy(repeatable=False)
    run = _running(prefect, deployment)
    # when
    prefect.worker.kill()
    prefect.worker.start()
    # then
    prefect.until(run, "CRASHED", seconds=CRASHED)
    assert prefect.until(prefect.submit(deployment, 0.1), "COMPLETED")
    assert prefect.after(run) is None


def test_a_run_that_is_being_cancelled_is_cancelled(prefect: Prefects, deployment: str) -> None:
    # given
    run = _running(prefect, deployment)
    prefect.worker.kill()
    prefect.call("POST", f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}, "force": True})
    # when
    prefect.worker.start()
    # then
    prefect.until(run, "CANCELLED", seconds=CRASHED)
    _has_no_process(prefect, run)
    assert prefect.after(run) is None


def test_a_cancelled_run_ends_though_nobody_listens(prefect: Prefects, deployment: str) -> None:
    # given a worker that hears nothing
    run = _running(prefect, deployment)
    (listener,) = psutil.Process(prefect.worker.pid).children()
    listener.suspend()
    # when
    prefect.call("POST", f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}, "force": True})
    # then
    prefect.until(run, "CANCELLED", seconds=CRASHED)
    _has_no_process(prefect, run)
    listener.resume()


def test_one_run_at_a_time_and_the_next_waits(prefect: Prefects, deployment: str) -> None:
    # given
    first = _running(prefect, deployment)
    second = prefect.submit(deployment, 0.1)
    # when
    prefect.until(prefect.submit(prefect.deploy(), 0.1), "SCHEDULED")
    # then
    assert prefect.run(second)["state_type"] == "SCHEDULED"
    _cancel(prefect, first)
    assert prefect.until(second, "COMPLETED")
