"""Schedules run, and the server's health tells when they do not."""

import re
from datetime import UTC, datetime, timedelta

import httpx
import psycopg
import pytest

from tests.prefects import Prefects

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(600)]


def test_a_resumed_deployment_is_scheduled_and_run(prefect: Prefects) -> None:
    # given
    deployment = prefect.deploy("* * * * *")
    mine = {"deployment_id": {"any_": [deployment]}}
    assert prefect.call("GET", f"/deployments/{deployment}")["paused"]
    # when
    prefect.call("PATCH", f"/deployments/{deployment}", {"paused": False})
    # then
    scheduled = prefect.eventually(lambda: prefect.runs(**mine), "no run is scheduled", 90)
    first = min(scheduled, key=lambda run: run["expected_start_time"])
    assert first["auto_scheduled"]
    assert datetime.fromisoformat(first["expected_start_time"]) < datetime.now(UTC) + timedelta(seconds=61)
    assert prefect.until(first["id"], "COMPLETED", "FAILED", "CRASHED")["state_type"] == "COMPLETED"
    prefect.call("PATCH", f"/deployments/{deployment}", {"paused": True})
    # and nothing was written down that somebody would have to look at
    assert not re.search(r"ERROR|Traceback", prefect.server.log), prefect.server.log
    assert not re.search(r"ERROR|Traceback", prefect.worker.log), prefect.worker.log


def test_health_names_the_services_that_fail_and_takes_it_back(prefect: Prefects) -> None:
    # given
    page = f"{prefect.url}/health/services"
    assert prefect.http.get(page).json()["problems"] == []
    prefect_url = prefect.database.url.replace("//closecast:", "//prefect:").replace("/closecast", "/prefect")
    with psycopg.connect(prefect_url, autocommit=True) as database:
        # when the scheduler has no table to read
        database.execute("ALTER TABLE deployment_schedule RENAME TO mislaid")
        try:
            prefect.eventually(lambda: httpx.get(page).status_code == 503, "the page says that all is well", 90)
            # then
            problems = prefect.http.get(page).json()["problems"]
            assert any(re.match(r"schedule_\w+ failed the last \d+ times: ", one) for one in problems), problems
            assert httpx.get(f"{prefect.url}/api/health").json() is True
        finally:
            database.execute("ALTER TABLE mislaid RENAME TO deployment_schedule")
    prefect.eventually(lambda: httpx.get(page).status_code == 200, "the page does not see that it is mended", 150)
