"""The journal's status: Prometheus metrics, and the current problem of each part."""

from closecast.platform.runtime.health import STARTING, ServiceStatus


class JournalStatus(ServiceStatus):
    """The status, written by the consumer and the archiver, read by the health endpoint."""

    def __init__(self) -> None:
        # The lake is not used before there is something to write.
        super().__init__("journal", {"cache": STARTING, "database": STARTING, "lake": None})
        self.stored = self.counter("stored", "Predictions put into PostgreSQL")
        self.duplicates = self.counter("duplicates", "Predictions that arrived again and were already stored")
        self.refused = self.counter("refused", "Messages set aside because they cannot be stored")
        self.archived_rows = self.counter("archived_rows", "Predictions written to the lake")
        self.archived_files = self.counter("archived_files", "Parquet files written to the lake")
        self.length = self.gauge("stream_messages", "Messages in the stream that are not stored yet")
        self.oldest = self.gauge("stream_oldest_seconds", "Age of the oldest of them")
        self.dead = self.gauge("dead_messages", "Messages that were set aside for inspection")
