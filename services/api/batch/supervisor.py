"""Supervise the batch worker: send batches to it, a few at a time, and restart it when it ends."""

import asyncio
import logging
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from litestar.exceptions import TooManyRequestsException

from closecast.models.card import ModelCard
from closecast.models.deal_model import digest
from closecast.platform.mlflow.registry import Served
from services.api.batch.messages import ScoreRequest, ScoreResult, ends, receive_result, send_request
from services.api.batch.shared_buffer import SharedBuffer
from services.api.problems import UnavailableError

_LOG = logging.getLogger(__name__)

_SLOTS = 3  # batches at once: one is scored, the others wait
_LARGEST_KEPT = 4_000_000  # bytes of a buffer that is reused
_PATIENCE_S = 150  # for one answer, which may wait for the Parquet reader; the largest batch takes a second
_END_S = 8  # for the worker to end; unsent messages go to its spool
_WAIT_S = 10  # for the batches before it
# One malloc arena, for Arrow too: it keeps memory for the next batch until the idle worker returns it.
_ENVIRONMENT = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_TRIM_THRESHOLD_": "268435456",
    "MALLOC_MMAP_THRESHOLD_": "33554432",
}


@dataclass
class _Running:
    process: "subprocess.Popen[bytes]"
    connection: socket.socket


class BatchSupervisor:
    """Sends batches to one worker process, which is started for the first one. For one event loop.

    `answered`, `rejected` and `restarts` count since the start.
    """

    def __init__(self, wait_s: float = _WAIT_S) -> None:
        """A batch waits `wait_s` seconds for those before it, and is refused then."""
        self._wait_s = wait_s
        self._worker_lock = asyncio.Lock()  # of the worker
        self._free_slots = _SLOTS
        self._buffers: list[SharedBuffer] = []  # for the next batches
        self._running: _Running | None = None
        self._model = ""
        self._folder = Path()
        self._sha256 = ""
        self._copy: tempfile.TemporaryDirectory[str] | None = None
        self._closed = False
        self.answered = self.rejected = self.restarts = 0

    @property
    def process(self) -> "subprocess.Popen[bytes] | None":
        """The worker; None where none was needed yet, or the last one was given up."""
        return None if self._running is None else self._running.process

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Take a slot. Raises TooManyRequestsException (429, Retry-After) while all are taken."""
        if not self._free_slots:
            self.rejected += 1
            raise TooManyRequestsException(
                f"{_SLOTS} batches are being scored: send this one again in a second", headers={"Retry-After": "1"}
            )
        self._free_slots -= 1
        try:
            yield
        finally:
            self._free_slots += 1

    def buffer(self) -> SharedBuffer:
        """An empty buffer for an incoming batch."""
        if not self._buffers:
            return SharedBuffer.empty()
        buffer = self._buffers.pop()
        buffer.resize(0)
        return buffer

    def recycle(self, buffer: SharedBuffer) -> None:
        """Take back a buffer that is no longer used."""
        if len(self._buffers) < _SLOTS and buffer.room() <= _LARGEST_KEPT:
            self._buffers.append(buffer)

    async def score(self, request: ScoreRequest, served: Served, buffer: SharedBuffer) -> ScoreResult:
        """Score the batch in `buffer` after the batches before it.

        Without a problem, `buffer` then holds the answer's content. Raises UnavailableError when the worker does not
        answer: the next batch is given to a new one.
        """
        try:
            async with asyncio.timeout(self._wait_s):
                await self._worker_lock.acquire()
        except TimeoutError as error:
            raise UnavailableError(
                f"the batches before this one took longer than {self._wait_s:g} s: send it again later"
            ) from error
        try:
            running = await asyncio.to_thread(self._prepared, served) if self._must_prepare(served) else self._running
            assert running is not None
            named = msgspec.structs.replace(request, folder=str(self._folder), sha256=self._sha256, model=self._model)
            result = await self._watched(running, self._asked(running, named, buffer))
        finally:
            self._worker_lock.release()
        self.answered += 1
        return result

    def close(self) -> None:
        """Stop the worker."""
        self._closed = True
        if self._running is not None:
            self._end(self._running)
        if self._copy is not None:
            self._copy.cleanup()

    @staticmethod
    async def _asked(running: _Running, request: ScoreRequest, buffer: SharedBuffer) -> ScoreResult:
        send_request(running.connection, request, buffer)
        size, result = await receive_result(running.connection)
        buffer.resize(size)
        return result

    async def _watched(self, running: _Running, asking: Coroutine[Any, Any, ScoreResult]) -> ScoreResult:
        """Await `asking` with a timeout. Raises UnavailableError when the worker fails."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await asking
        except TimeoutError:
            problem = f"no answer within {_PATIENCE_S} s"
        except OSError as error:
            problem = str(error)
        except BaseException:
            # The caller is gone; the late answer must not be taken for the next batch's.
            self._forget(running)
            raise
        await asyncio.to_thread(self._lose, running, problem)
        raise UnavailableError(f"the batch worker did not answer ({problem}): send the batch again, a new one takes it")

    def _must_prepare(self, served: Served) -> bool:
        running = self._running
        return self._closed or running is None or running.process.poll() is not None or _name(served) != self._model

    def _prepared(self, served: Served) -> _Running:
        """Start the worker if needed, and prepare the served model's folder.

        Takes milliseconds: not for an event loop.
        """
        if self._closed:
            raise UnavailableError("the service is being stopped")
        running = self._running
        if running is not None and running.process.poll() is not None:
            self._lose(running, "it has ended")
        if self._running is None:
            ours, theirs = ends()
            ours.setblocking(False)
            with theirs:
                process = subprocess.Popen(
                    [sys.executable, "-m", "services.api.batch.worker", str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    env={**os.environ, **_ENVIRONMENT},
                )
            self._running = _Running(process, ours)
        if _name(served) != self._model:
            self._keep(served)
        return self._running

    def _lose(self, running: _Running, problem: str) -> None:
        """End a failed worker. Takes milliseconds: not for an event loop."""
        self._forget(running)
        self._end(running)
        _LOG.error("batch worker", extra={"problem": problem, "exit_code": running.process.returncode})

    def _forget(self, running: _Running) -> None:
        """Stop using this worker; the next batch gets another."""
        self._running = None
        self.restarts += 1
        running.process.kill()

    @staticmethod
    def _end(running: _Running) -> None:
        running.connection.close()  # the worker ends when its socket is closed
        try:
            running.process.wait(timeout=_END_S)
        except subprocess.TimeoutExpired:
            running.process.kill()
            running.process.wait()

    def _keep(self, served: Served) -> None:
        """Keep a folder with the served model and its current history."""
        card = served.model.card
        folder, sha256 = served.folder, served.identity.sha256
        if ModelCard.from_json((folder / "card.json").read_text()).deals_key != card.deals_key:
            before, self._copy = self._copy, tempfile.TemporaryDirectory(prefix="closecast-batch-")
            folder = Path(self._copy.name)
            served.model.save(folder)
            sha256 = digest(folder)
            if before is not None:
                before.cleanup()
        self._model, self._folder, self._sha256 = _name(served), folder, sha256 or digest(folder)


def _name(served: Served) -> str:
    """Identifies a served model with its history."""
    return f"{served.folder.name} {served.model.card.deals_key}"
