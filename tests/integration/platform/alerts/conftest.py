from collections.abc import Iterator

import pytest

from closecast.platform.alerts.outbox import Connection
from closecast.platform.database import connect


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    with connect(database_url) as connection:
        connection.execute("TRUNCATE alerts, alert_deliveries, alert_silences")
        yield connection
