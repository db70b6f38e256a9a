"""The way of a batch: to the worker process and back, a few at a time, and to a new worker when the old one has ended."""

import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
from litestar.exceptions import TooManyRequestsException

from closecast.models.deal_model import ModelCard
from closecast.platform.registry import Served
from services.api.batch_wire import Ask, Told, WireError, receive, send
from services.api.logs import log
from services.api.problems import UnavailableError

_PLACES = 3  # batches at a time: one is scored, the others wait
_PATIENCE_S = 60  # for one answer; the largest batch takes a second
_END_S = 8  # for the worker to end; what it has not shipped goes to its spool
_WAIT_S = 10  # for a place before it
# Threads of LightGBM that wait for work do so asleep: the processors are the single predictions'. One arena, Arrow's
# memory in it too, which keeps what a batch took for the next one until the worker is idle and gives it back.
_ENVIRONMENT = {
    "OMP_WAIT_POLICY": "passive", "ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1",
    "MALLOC_TRIM_THRESHOLD_": "268435456", "MALLOC_MMAP_THRESHOLD_": "33554432",
}  # fmt: skip


@dataclass
class _Running:
    process: "subprocess.Popen[bytes]"
    connection: socket.socket


class BatchLane:
    """Hands batches to one worker process, which is started when the first one comes.

    `answered`, `turned_away` and `restarts` count since the start. Safe from several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # of the worker
        self._places = threading.BoundedSemaphore(_PLACES)
        self._running: _Running | None = None
        self._model = ""
        self._folder = Path()
        self._copy: tempfile.TemporaryDirectory[str] | None = None
        self._closed = False
        self.answered = self.turned_away = self.restarts = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """One of the few places. Raises TooManyRequestsException (429, Retry-After) while all are taken."""
        if not self._places.acquire(blocking=False):
            self.turned_away += 1
            raise TooManyRequestsException(
                f"{_PLACES} batches are being scored: send this one again in a second", headers={"Retry-After": "1"}
            )
        try:
            yield
        finally:
            self._places.release()

    def score(self, ask: Ask, served: Served, body: bytes) -> tuple[Told, bytes]:
        """The worker's answer to `body`. Waits for the batches before it; not for an event loop.

        Raises UnavailableError when the worker does not answer: the next batch is given to a new one.
        """
        if not self._lock.acquire(timeout=_WAIT_S):
            raise UnavailableError(f"the batches before this one took longer than {_WAIT_S} s: send it again later")
        try:
            running = self._worker()
            try:
                folder = self._kept(served)
                send(running.connection, msgspec.structs.replace(ask, folder=str(folder), model=self._model), body)
                found = receive(running.connection)
            except (OSError, WireError) as error:
                raise self._lost(running, error) from error
            if found is None:
                raise self._lost(running, WireError("it has ended"))
            self.answered += 1
            return msgspec.msgpack.decode(found[0], type=Told), found[1]
        finally:
            self._lock.release()

    def close(self) -> None:
        """End the worker, after the batch that it is at."""
        with self._lock:
            self._closed = True
            if self._running is not None:
                self._end(self._running)
            if self._copy is not None:
                self._copy.cleanup()

    def _worker(self) -> _Running:
        if self._closed:
            raise UnavailableError("the service is being stopped")
        if self._running is not None and self._running.process.poll() is not None:
            self._lost(self._running, WireError("it has ended"))
        if self._running is None:
            ours, theirs = socket.socketpair()
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", _PATIENCE_S, 0))
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _PATIENCE_S, 0))
            with theirs:
                process = subprocess.Popen(
                    [sys.executable, "-m", "services.api.batch_worker", str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    env={**os.environ, **_ENVIRONMENT},
                )
            self._running = _Running(process, ours)
        return self._running

    def _lost(self, running: _Running, error: Exception) -> UnavailableError:
        self._running = None
        self.restarts += 1
        running.process.kill()
        self._end(running)
        log("batch worker", level="error", problem=str(error), exit_code=running.process.returncode)
        return UnavailableError(f"the batch worker did not answer ({error}): send the batch again, a new one takes it")

    @staticmethod
    def _end(running: _Running) -> None:
        running.connection.close()  # the worker ends when nobody can ask it any more
        try:
            running.process.wait(timeout=_END_S)
        except subprocess.TimeoutExpired:
            running.process.kill()
            running.process.wait()

    def _kept(self, served: Served) -> Path:
        """A folder that holds the model that serves, with the history that it serves with."""
        card = served.model.card
        name = f"{served.folder.name} {card.deals_key}"
        if name != self._model:
            folder = served.folder
            if ModelCard.from_json((folder / "card.json").read_text()).deals_key != card.deals_key:
                before, self._copy = self._copy, tempfile.TemporaryDirectory(prefix="closecast-batch-")
                folder = Path(self._copy.name)
                served.model.save(folder)
                if before is not None:
                    before.cleanup()
            self._model, self._folder = name, folder
        return self._folder
