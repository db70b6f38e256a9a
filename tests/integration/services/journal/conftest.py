"""A cache, a database and a journal of one test, each to be killed."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from closecast.platform.database import connect
from closecast.platform.journal.shipper import Shipper
from closecast.platform.journal.spool import Spool
from tests.killable import Cache, Database, Killable
from tests.servers.processes import free_port
from tests.waiting import until


@dataclass
class Lane:
    """The whole way of a prediction."""

    folder: Path
    cache: Cache
    database: Database
    journal: Killable

    def shipper(self) -> Shipper:
        shipper = Shipper(lambda: self.cache.url, Spool(self.folder / "spool", 64_000_000))
        shipper.start()
        return shipper

    def rows(self, query: str = 'SELECT id, "row" FROM predictions ORDER BY 1, 2') -> list[Any]:
        with closing(connect(self.database.url)) as connection:
            return connection.execute(query).fetchall()

    def health(self) -> dict[str, Any]:
        return dict(httpx.get(f"http://127.0.0.1:{self.journal.port}/health", timeout=60).json())

    def metrics(self) -> str:
        return httpx.get(f"http://127.0.0.1:{self.journal.port}/metrics", timeout=60).text

    def until(self, holds: Callable[[], bool]) -> None:
        until(holds, 120, told=lambda: self.journal.log[-3000:])


@pytest.fixture(scope="session")
def servers() -> Iterator[tuple[Path, Cache, Database]]:
    folder = Path(tempfile.mkdtemp(prefix="closecast-journal-"))
    folder.chmod(0o755)
    cache, database = Cache(folder / "cache"), Database(folder / "database")
    try:
        cache.start()
        database.start()
        yield folder, cache, database
    finally:
        database.stop()
        cache.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def lane(request: pytest.FixtureRequest, servers: tuple[Path, Cache, Database], tmp_path: Path) -> Iterator[Lane]:
    """All three run, and are empty. The lake is away, unless the test's parameter is "s3"."""
    _, cache, database = servers
    with cache.client() as client, closing(connect(database.url)) as connection:
        client.flushall()
        connection.execute("TRUNCATE predictions, archive_batches")
    environment = {
        "CLOSECAST_CACHE_URL": cache.url,
        "CLOSECAST_DATABASE_URL": database.url,
        "CLOSECAST_CONSUMER": "journal-0",
        "CLOSECAST_LAKE_BUCKET": "nowhere",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{free_port()}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        **(request.getfixturevalue("s3").environment if getattr(request, "param", None) == "s3" else {}),
        "CLOSECAST_ARCHIVE_SECONDS": "1",
    }
    journal = Killable("services.journal", environment, tmp_path / "journal", "http://127.0.0.1:{port}/metrics")
    try:
        journal.start()
        yield Lane(tmp_path, cache, database, journal)
    finally:
        journal.stop()
