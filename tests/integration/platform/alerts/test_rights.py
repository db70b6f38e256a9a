"""What the roles of PostgreSQL may do to alerts."""

import psycopg
import pytest

from closecast.platform.alerts.alert import Alert
from closecast.platform.alerts.outbox import Connection, fire, open_alerts, resolve
from closecast.platform.database import connect

pytestmark = pytest.mark.integration


def test_the_monitor_fires_and_resolves_and_reads_no_message(connection: Connection, monitoring_url: str) -> None:
    with connect(monitoring_url) as monitor:
        assert fire(monitor, Alert("harm", "model 7", "page", "Model 7 does harm"))
        assert not fire(monitor, Alert("harm", "model 7", "page", "Model 7 does harm"))
        assert len(open_alerts(connection)) == 1
        assert resolve(monitor, "harm", "model 7")
        for statement in ("SELECT * FROM alert_deliveries", "DELETE FROM alerts", "SELECT * FROM alert_silences"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                monitor.execute(statement)


@pytest.mark.usefixtures("connection")
def test_the_service_reads_nothing_of_deals(alerts_url: str) -> None:
    with connect(alerts_url) as connection:
        connection.execute("SELECT max(judged_at) FROM judgements")
        for statement in (
            "SELECT id FROM predictions",
            "SELECT * FROM verdicts",
            "SELECT * FROM outcomes",
            "SELECT * FROM api_keys",
            "SELECT * FROM audit_log",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
