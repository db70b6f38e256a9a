"""The service as its unit tests have it: a real model in its local cache, and a registry that is away."""

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from closecast.platform.database import connect
from closecast.platform.settings import CacheSettings, DatabaseSettings
from services.journal.consumer import Consumer
from services.journal.status import JournalStatus
from tests.integration.services.api.live import live
from tests.unit.services.api.conftest import KEY, anonymous, cache, client, no_garbage, settings

__all__ = ["anonymous", "cache", "client", "no_garbage"]


@pytest.fixture(scope="session")
def address(cache: Path) -> Iterator[str]:
    """Where a live service listens."""
    with live(settings(cache)) as url:
        yield url


@pytest.fixture
def served(address: str) -> Iterator[httpx.Client]:
    """A caller with a key, of a live service."""
    with httpx.Client(base_url=address, headers={"X-API-Key": KEY}, timeout=60, trust_env=False) as client:
        yield client


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
