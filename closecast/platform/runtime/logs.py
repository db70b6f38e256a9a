"""Every line of a log is one JSON object, of our loggers and of libraries': when, how bad, who, what, and for which request."""

import atexit
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from logging.handlers import QueueHandler, QueueListener
from queue import SimpleQueue
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from closecast.platform.runtime.scheduling import interrupt_nobody

# The request that this task or thread answers, if it answers one.
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
_OURS = ("closecast", "services", "flows")  # they log from INFO on, libraries from WARNING on


class JsonLines(JsonFormatter):
    """`time` (UTC), `level`, `logger`, `event` (the message), then what the call gave as `extra`, and a `traceback`.

    Whatever is no printable ASCII is escaped: logs are read on terminals.
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
    """Hands records on as they are: in the same process nothing of them is lost."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record


class _Listener(QueueListener):
    """Writes on a thread that interrupts nobody who answers requests."""

    def _monitor(self) -> None:
        interrupt_nobody()
        super()._monitor()  # type: ignore[misc]


def configure(*, in_background: bool = False) -> None:
    """Have this process log to standard error; `in_background`, so that no request waits for a disk or a terminal.

    To be called once, where the process begins.
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
    """Loggers of libraries that have handlers of their own: their lines would stand between ours in another form."""
    for name in names:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
        logger.setLevel(logging.WARNING)


def with_request(record: logging.LogRecord) -> bool:
    """A filter that gives a record the id of the request that it was logged for; lets all pass."""
    known = request_id.get()
    if known is not None and not hasattr(record, "request_id"):
        record.request_id = known
    return True
