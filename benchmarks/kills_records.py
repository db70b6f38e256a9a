"""Watch the journal's records from outside: their freshness and completeness."""

import threading
import time
from datetime import datetime

import psycopg

from closecast.platform.database import connect

_FRESH = 2.0  # seconds: records are up to date again when the newest is no older
_PATIENCE = 120.0  # seconds for the records to catch up once the load has ended


class Watch:
    """Polls the age of the database's newest prediction, and notes until when it was too old or not available."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stop = threading.Event()
        self._stale_at: float | None = None
        self._is_stale = False
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._stop.set()
        self._thread.join(10)

    def recovered(self, since: float) -> float | None:
        """Seconds from `since` (time.monotonic) until records stayed fresh; 0 if they always were, None if never."""
        if self._is_stale:
            return None
        return 0.0 if self._stale_at is None else max(0.0, self._stale_at - since)

    def _look(self) -> None:
        while not self._stop.wait(0.25):
            age = newest(self._url)
            self._is_stale = age is None or age > _FRESH
            if self._is_stale:
                self._stale_at = time.monotonic()


def newest(url: str) -> float | None:
    """Age of the newest stored prediction in seconds; None while the database is away or empty."""
    try:
        with connect(url) as connection:
            found = connection.execute('SELECT extract(epoch FROM now() - max("time")) FROM predictions').fetchone()
    except psycopg.OperationalError:
        return None
    return None if found is None or found[0] is None else float(str(found[0]))


def stored(url: str, since: datetime) -> int:
    """The number of predictions since `since` in the database."""
    with connect(url) as connection:
        found = connection.execute('SELECT count(*) FROM predictions WHERE "time" >= %s', [since]).fetchone()
    assert found is not None  # count always answers
    return int(str(found[0]))


def until_all_are_stored(url: str, since: datetime, wanted: int) -> int:
    """Wait until there are `wanted`, or for two minutes, and return their number."""
    deadline = time.monotonic() + _PATIENCE
    while (count := stored(url, since)) < wanted and time.monotonic() < deadline:
        time.sleep(0.25)
    return count
