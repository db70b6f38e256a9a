"""The service as its unit tests have it: a real model in its local cache, and a registry that is away."""

import threading
from collections.abc import Iterator

import pytest

from closecast.platform.database import connect
from closecast.platform.settings import CacheSettings, DatabaseSettings
from services.journal.consumer import Consumer
from services.journal.status import JournalStatus
from tests.unit.services.api.conftest import address, anonymous, cache, client, served

__all__ = ["address", "anonymous", "cache", "client", "served"]


@pytest.fixture
def journal(database_url: str, valkey_url: str) -> Iterator[None]:
    """The journal stores what the API answers, in an empty table."""
    with connect(database_url) as connection:
        connection.execute("TRUNCATE predictions, archive_batches")
    stop = threading.Event()
    consumer = Consumer(CacheSettings(valkey_url), DatabaseSettings(database_url), "a test", JournalStatus())
    thread = threading.Thread(target=consumer.run, args=[stop])
    thread.start()
    yield
    stop.set()
    thread.join(20)
