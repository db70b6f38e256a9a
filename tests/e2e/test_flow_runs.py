"""Flow runs on a bad day: what is killed in the middle of a run is ended, and its work is done all the same."""

import pytest

from ops.prefect.pipeline import Prefect
from tests.e2e.conftest import Platform

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]
CRASHED = 180  # seconds, as promised in docs/flows.md


def _training(platform: Platform, prefect: Prefect) -> str:
    run = prefect.submit("train/closecast", {"source": "synthetic:2500"})
    _until(platform, prefect, run, "RUNNING", 300)
    return run


def _until(platform: Platform, prefect: Prefect, run: str, state: str, seconds: float) -> None:
    def reached() -> bool:
        return bool(prefect.call("GET", f"/flow_runs/{run}")["state_type"] == state)

    platform.eventually(reached, f"the flow run {run} as {state.lower()}", seconds)


def _of_run(platform: Platform, run: str) -> list[int]:
    processes = platform.processes("prefect-worker", "prefect-worker")
    return [one.pid for one in processes if one.environ().get("PREFECT__FLOW_RUN_ID") == run]


@pytest.mark.parametrize("killed", [("prefect-worker",), ("prefect-worker", "prefect")])
def test_training_is_tried_again_after_a_kill(platform: Platform, prefect: Prefect, killed: tuple[str, ...]) -> None:
    # given
    run = _training(platform, prefect)
    assert _of_run(platform, run)
    # when
    for process in [one for job in killed for one in platform.processes(job, job)]:
        process.kill()
    platform.wait_until_healthy("prefect", "prefect-worker")
    # then
    _until(platform, prefect, run, "CRASHED", CRASHED)
    assert not _of_run(platform, run)
    assert prefect.follow(run)["name"].endswith("(attempt 2)")


def test_training_outlives_prefects_server(platform: Platform, prefect: Prefect) -> None:
    # given
    run = _training(platform, prefect)
    # when
    for process in platform.processes("prefect", "prefect"):
        process.kill()
    # then
    assert prefect.follow(run)["id"] == run
