"""A flow whose last run crashed is an alert, until a run of it completes."""

import pytest

from closecast.platform.alerts.outbox import open_alerts
from closecast.platform.database import connect, migrate
from closecast.platform.flow_runs import last_runs
from tests.prefects import Prefects
from tests.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(900)]


def test_a_crash_is_an_alert_until_a_run_completes(prefect: Prefects) -> None:
    # given
    migrate(prefect.database.url)
    deployment = prefect.deploy(repeatable=False)
    run = prefect.submit(deployment, 600)
    prefect.until(run, "RUNNING")
    # when
    for process in prefect.processes(run):
        process.kill()
    prefect.until(run, "CRASHED")
    # then
    with connect(prefect.database.url) as connection:
        until(lambda: open_alerts(connection) != [], 120, pause=0.5)
        [alert] = open_alerts(connection)
        assert (alert.rule, alert.key, alert.summary) == ("flow_failed", "steady", "The flow steady has crashed")
        [told] = last_runs(connection)
        assert (told.flow, told.state, told.page) == ("steady", "crashed", alert.links["run"])
        assert told.started_at is not None and told.started_at < told.ended_at
        assert alert.links["run"] == f"{prefect.url}/runs/flow-run/{run}"
        # and when one completes
        prefect.until(prefect.submit(deployment, 0.1), "COMPLETED")
        until(lambda: open_alerts(connection) == [], 120, pause=0.5)
        assert [one.state for one in last_runs(connection)] == ["completed"]
