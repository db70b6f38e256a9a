"""Archive predictions from PostgreSQL to the lake in batches, by size or age."""

import logging
import threading
import time
from contextlib import closing
from datetime import timedelta

import psycopg

from closecast.platform.database import NotMigratedError, connect_migrated
from closecast.platform.journal.archive import archive_closed, close_batch
from closecast.platform.journal.retention import delete_archived, delete_shadow
from closecast.platform.lake.store import Lake, LakeError
from closecast.platform.settings import DatabaseSettings
from services.journal.status import JournalStatus

_LOG = logging.getLogger(__name__)

_PAUSE_S = 5.0
_LONGEST_RETRY_S = 60.0
_RETENTION_PAUSE_S = 3_600.0


class Archiver:
    """Closes the open batch when it has `rows` rows or rows older than `age`, and writes closed ones.

    Every hour it deletes what has been in the lake for longer than `kept`.
    """

    def __init__(
        self,
        database: DatabaseSettings,
        lake: Lake,
        rows: int,
        age: timedelta,
        kept: timedelta,
        journal_status: JournalStatus,
    ) -> None:
        self._database = database
        self._lake = lake
        self._rows = rows
        self._age = age
        self._kept = kept
        self._retention_at = 0.0
        self._status = journal_status

    def run(self, stop: threading.Event) -> None:
        """Archive every few seconds until `stop`; failures are reported and retried with growing pauses."""
        pause = _PAUSE_S
        while not stop.wait(pause):
            try:
                self.look()
                self._status.set("lake", None)
                pause = _PAUSE_S
            except LakeError as error:
                self._status.set("lake", str(error))
                pause = min(2 * pause, _LONGEST_RETRY_S)
            except NotMigratedError:
                pause = _PAUSE_S  # the consumer has not made the tables yet
            except (psycopg.Error, OSError) as error:
                # The consumer reports on the database; it uses it far more often.
                _LOG.warning("nothing was archived: %s", str(error).strip())
                pause = min(2 * pause, _LONGEST_RETRY_S)

    def look(self) -> None:
        """Close and write batches that are due. Raises LakeError and psycopg.Error."""
        with closing(connect_migrated(self._database.url)) as connection:
            close_batch(connection, self._rows, self._age)
            for batch in archive_closed(connection, self._lake):
                self._status.archived_rows.inc(batch.rows)
                self._status.archived_files.inc(len(batch.keys))
                _LOG.info("batch %s is in the lake: %d rows, %s", batch.batch, batch.rows, ", ".join(batch.keys))
            if time.monotonic() >= self._retention_at:
                if deleted := delete_archived(connection, self._kept):
                    _LOG.info(
                        "%d predictions are older than %d days, and are in the lake alone now", deleted, self._kept.days
                    )
                if deleted := delete_shadow(connection, self._kept):
                    _LOG.info("%d predictions in shadow, of comparisons that ended long ago, were deleted", deleted)
                self._retention_at = time.monotonic() + _RETENTION_PAUSE_S
