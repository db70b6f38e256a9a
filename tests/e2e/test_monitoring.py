"""Monitoring on a bad day: what it needs is killed in the middle of a look, which ends well, and counts nothing twice."""

from typing import Any

import pytest

from ops.prefect.pipeline import AwayError, Prefect
from tests.e2e.conftest import Platform

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]
_DAY = "2017-11-27"  # about which no other test asks
_DEALS = 60


@pytest.fixture(scope="module")
def _asked(platform: Platform) -> None:
    """Enough deals for a verdict are in the journal."""
    deals = [{"opportunity_id": f"M{at}", "engage_date": f"2017-{1 + at % 10:02}-15"} for at in range(_DEALS)]
    answer = platform.api("POST", "/v1/predictions/batch", json={"as_of": _DAY, "deals": deals})
    assert answer.status_code == 200, answer.text
    made = answer.json()["id"]
    platform.eventually(lambda: platform.api("GET", f"/v1/predictions/{made}").status_code == 200, "the record")


def _look(prefect: Prefect) -> str:
    """The id of a run that looks at the journal, and has begun to do so."""
    return prefect.submit("monitor/closecast", {"day": _DAY})


def _looks(prefect: Prefect, run: str) -> bool:
    try:
        tasks = prefect.call("POST", "/task_runs/filter", {"flow_runs": {"id": {"any_": [run]}}})
    except AwayError:
        return False
    return any(task["name"].startswith("looked-") and task["state_type"] == "RUNNING" for task in tasks)


def _verdicts(platform: Platform) -> list[dict[str, Any]]:
    """Those on the served model as of the day."""
    run_id = platform.api("GET", "/v1/model").raise_for_status().json()["run_id"]
    found = platform.api("GET", "/v1/monitoring?limit=366").raise_for_status().json()["verdicts"]
    return [one for one in found if (one["day"], one["run_id"]) == (_DAY, run_id)]


@pytest.mark.usefixtures("_asked")
@pytest.mark.parametrize("job", ["postgres", "localstack", "mlflow", "prefect"])
def test_a_look_outlives_what_it_needs(platform: Platform, prefect: Prefect, job: str) -> None:
    # given a look that nothing disturbed, and one that has begun
    prefect.follow(_look(prefect))
    (before,) = _verdicts(platform)
    run = _look(prefect)
    platform.eventually(lambda: _looks(prefect, run), "the look", seconds=300)
    # when
    for process in platform.processes(job, job):
        process.kill()
    # then it ends by itself, and says once what it said before
    assert prefect.follow(run)["id"] == run
    platform.wait_until_healthy(job, "prefect", "api")
    (after,) = _verdicts(platform)
    assert after["number"] >= before["number"]
    told = ("verdict", "reasons", "run_id")
    assert [after[name] for name in told] == [before[name] for name in told]
    assert after["figures"]["looks"] == before["figures"]["looks"]
    assert after["figures"]["months"] == before["figures"]["months"]
