"""A Prefect server that goes away during a run costs time, and nothing else."""

import time

import pytest

from tests.prefects import Prefects

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(600)]


def test_a_run_goes_on_and_tells_of_itself_when_the_server_is_back(prefect: Prefects) -> None:
    # given a run that ends its work while the server is away
    run = prefect.submit(prefect.deploy(), 15)
    prefect.until(run, "RUNNING")
    before = prefect.processes(run)
    # when
    prefect.server.kill()
    time.sleep(40)  # noqa: TID251 - the run ends while the server is away, and long before it is back
    assert prefect.processes(run) == before
    prefect.server.start()
    # then
    assert prefect.until(run, "COMPLETED", "FAILED", "CRASHED", seconds=300)["state_type"] == "COMPLETED"
    assert prefect.run(run)["run_count"] == 1
    report = prefect.call("GET", "/artifacts/steady-report/latest")
    assert report["flow_run_id"] == run


def test_there_is_no_lease_that_a_run_could_lose(prefect: Prefects) -> None:
    # given a deployment as earlier versions made it, which did not write down what they set
    deployment = prefect.deploy()
    earlier = {"concurrency_limit": 1, "concurrency_options": {"collision_strategy": "ENQUEUE"}}
    prefect.call("PATCH", f"/deployments/{deployment}", earlier)
    prefect.call("DELETE", "/variables/name/closecast_deployed_steady")
    assert prefect.call("GET", f"/deployments/{deployment}")["global_concurrency_limit"]
    # when
    prefect.deploy()
    # then
    assert prefect.call("GET", f"/deployments/{deployment}")["global_concurrency_limit"] is None
    run = prefect.submit(deployment, 0.1)
    found = prefect.until(run, "COMPLETED", "FAILED", "CRASHED")
    assert found["state_type"] == "COMPLETED"
    history = prefect.call("GET", f"/flow_run_states/?flow_run_id={run}")
    assert [one["state_details"]["deployment_concurrency_lease_id"] for one in history] == [None] * len(history)


def test_the_lease_of_a_limit_that_somebody_set_outlives_the_server(prefect: Prefects) -> None:
    # given
    deployment = prefect.deploy()
    prefect.call("PATCH", f"/deployments/{deployment}", {"concurrency_limit": 1})
    run = prefect.submit(deployment, 60)
    details = prefect.until(run, "RUNNING")["state"]["state_details"]
    renewal = f"{prefect.url}/api/v2/concurrency_limits/leases/{details['deployment_concurrency_lease_id']}/renew"
    # when
    prefect.server.kill()
    prefect.server.start()
    # then
    assert prefect.http.post(renewal, json={"lease_duration": 300}).status_code == 204
    assert prefect.until(run, "COMPLETED", "FAILED", "CRASHED", seconds=300)["state_type"] == "COMPLETED"
