"""Structured logs: one JSON object per line, for our loggers and libraries'."""

import atexit
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from logging.handlers import QueueHandler, QueueListener
from queue import SimpleQueue
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from closecast.platform.runtime.scheduling import disable_preemption

# The id of the request that this task or thread answers, if any.
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
_OURS = ("closecast", "services", "flows")  # logged from INFO on, libraries from WARNING on


class JsonLines(JsonFormatter):
    """`time` (UTC), `level`, `logger`, `event` (the message), then what the call gave as `extra`, and a `traceback`.

    Everything but printable ASCII is escaped, because logs are read on terminals.
    """

    def __init__(self) -> None:
        names = {"asctime": "time", "levelname": "level", "name": "logger", "message": "event", "exc_info": "traceback"}
        super().__init__(["asctime", "levelname", "name", "message"], rename_fields=names)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802 - logging's own
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        return {**log_data, "level": log_data["level"].lower(), "event": log_data["event"].strip()}

    def jsonify_log_record(self, log_data: dict[str, Any]) -> str:
        return super().jsonify_log_record(log_data).replace("\x7f", "\\u007f")


class _Handover(QueueHandler):
    """Passes records on unchanged: within one process nothing is lost."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record


class _Listener(QueueListener):
    """Writes on a thread that does not interrupt request threads."""

    def _monitor(self) -> None:
        disable_preemption()
        super()._monitor()  # type: ignore[misc]


def configure(*, in_background: bool = False) -> None:
    """Set up logging to standard error; with `in_background`, no request waits for a disk or a terminal.

    Call it once, at the start of the process.
    """
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    if in_background:
        records: SimpleQueue[Any] = SimpleQueue()
        listener = _Listener(records, handler)
        listener.start()
        atexit.register(listener.stop)
        handler = _Handover(records)
    handler.addFilter(with_request)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for name in _OURS:
        logging.getLogger(name).setLevel(logging.INFO)
    _relay("uvicorn.error")


def _relay(*names: str) -> None:
    """Route libraries' loggers that have their own handlers through ours, so that all lines have one format."""
    for name in names:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
        logger.setLevel(logging.WARNING)


def with_request(record: logging.LogRecord) -> bool:
    """A filter that adds the request's id to a record; it lets all records pass."""
    known = request_id.get()
    if known is not None and not hasattr(record, "request_id"):
        record.request_id = known
    return True
