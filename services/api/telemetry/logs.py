"""One JSON object a line on standard error: what happened, when, and to which request."""

import atexit
import json
import logging
import sys
import threading
from collections import deque
from datetime import UTC, datetime
from typing import Any

import msgspec

from closecast.platform.scheduling import interrupt_nobody

_WRITE_SECONDS = 0.1
_encode = msgspec.json.Encoder(enc_hook=str).encode


class _Writer:
    """Lines gather for a tenth of a second and are written together: a request does not wait for a disk."""

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque()
        self._waiting = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def put(self, line: bytes) -> None:
        self._lines.append(line)
        if self._thread is None:
            self._start()
        if not self._waiting.is_set():
            self._waiting.set()

    def flush(self) -> None:
        """Write what has gathered; lines stay in their order."""
        with self._lock:
            taken = [self._lines.popleft() for _ in range(len(self._lines))]
            if taken:
                sys.stderr.write(b"".join(taken).decode())
                sys.stderr.flush()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="log", daemon=True)
                self._thread.start()
                atexit.register(self.flush)

    def _run(self) -> None:
        interrupt_nobody()
        while True:
            self._waiting.wait()
            self._waiting.clear()
            threading.Event().wait(_WRITE_SECONDS)
            self.flush()


_WRITER = _Writer()
flush = _WRITER.flush


def log(event: str, level: str = "info", **facts: Any) -> None:
    """Write one line; `facts` must be JSON values. Secrets and whole deals do not belong in it.

    Within a tenth of a second it is written; what is no plain information, at once.
    """
    line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "level": level, "event": event, **facts}
    _WRITER.put(_plain(_encode(line)) + b"\n")
    if level != "info":
        _WRITER.flush()


def _plain(line: bytes) -> bytes:
    """`line` with what cannot be seen, or turns around what follows, as JSON escapes it: logs are read on terminals."""
    text = line.decode()
    if text.isprintable():
        return line
    return (
        "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in text).replace("\x7f", "\\u007f").encode()
    )


class Relay(logging.Handler):
    """Has what a library logs written as lines of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        facts = {"logger": record.name, "message": record.getMessage().strip()}
        if record.exc_info is not None and (error := record.exc_info[1]) is not None:
            facts["error"] = f"{type(error).__name__}: {error}"
        log("library", level=record.levelname.lower(), **facts)


def relay(name: str, level: int = logging.WARNING) -> None:
    """Take over the logger `name`, from `level` on: its lines would stand between ours in another form."""
    logger = logging.getLogger(name)
    logger.handlers, logger.propagate = [Relay()], False
    logger.setLevel(level)
