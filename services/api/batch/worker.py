"""The batch worker: a process that scores batches, so that they don't delay single predictions.

Decoding, scoring and encoding 10,000 deals block an interpreter's other threads for tens of milliseconds.
BatchSupervisor starts it as `python -m services.api.batch.worker 3`: the number is the descriptor of the socket for
requests.
"""

import ctypes
import gc
import logging
import os
import resource
import select
import signal
import socket
import sys
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

from closecast.deals.horizon import QUARTER_END, Horizon
from closecast.deals.mapping.profiles import shipped
from closecast.models.deal_model import DealModel, ModelError
from closecast.platform.journal.inbox import Journal, JournalFullError
from closecast.platform.mlflow.identity import MODEL_NAME
from closecast.platform.runtime import logs
from closecast.platform.runtime.scheduling import run_when_idle, yield_to_others
from closecast.scoring.columns import DealTable
from closecast.scoring.own_columns import OwnColumns, own_columns
from closecast.scoring.question import Question, read_horizon
from closecast.scoring.rules import NotScorableError
from services.api.batch import read, score, write
from services.api.batch.messages import ScoreRequest, ScoreResult, receive_request, send_result
from services.api.batch.parquet_supervisor import ParquetSupervisor, ReaderError
from services.api.batch.shared_buffer import BytesLike, SharedBuffer
from services.api.problems import InvalidInputError, Problem, UnavailableError, log_failure, of_invalid
from services.api.records.journal_settings import JournalSettings
from services.api.schemas.predictions import ModelVersion
from services.api.serving.pseudonyms import Pseudonyms

_LOG = logging.getLogger("services.api.batch.worker")  # it is run as __main__

# One processor is left for single predictions: on two, a second thread raised their p99 from 1.4 to 2.3 times the idle value.
_THREADS = max(1, min(4, (os.cpu_count() or 2) - 1))
_IDLE_S = 60.0  # then the memory of the last batches is returned
_ROOM_S = 5.0  # how long a batch waits for earlier ones to be recorded before it is refused
_MAX_DATA = 1_500_000_000  # bytes of memory: a body that lies about its size fails here, without harming the machine


class Worker:
    """Scores batches one after the other, and keeps the last model loaded."""

    def __init__(self, journal: Journal | None, pseudonyms: Pseudonyms) -> None:
        self._journal, self._pseudonyms = journal, pseudonyms
        self._reader = ParquetSupervisor()
        self._name = ""
        self._model: DealModel | None = None

    def answer(self, request: ScoreRequest, body: bytes) -> tuple[ScoreResult, tuple[BytesLike, ...]]:
        """Answer and record a batch: what cannot be recorded is not answered."""
        try:
            scored = self._scored(request, body)
            model = ModelVersion(MODEL_NAME, request.version, request.run_id, self._loaded(request).card.kind)
            yield_to_others()
            parts = write.encoded(scored, request.answer_type, UUID(request.id), model)
            answered = score.BatchDraft(
                scored, UUID(request.id), datetime.now(UTC), request.request_id, request.caller, model
            )
            if self._journal is not None and len(answered):
                self._journal.append(answered, _ROOM_S)
        except NotScorableError as error:
            return ScoreResult(of_invalid(error)), ()
        except (ModelError, JournalFullError, ReaderError, UnavailableError) as error:
            return ScoreResult(Problem("The service cannot answer this now", 503, str(error))), ()
        except Exception as error:  # noqa: BLE001 - one batch's fault is not the next one's; the log has the reason
            log_failure(request.request_id, error)
            detail = "the service failed on this batch; its log has the reason under the request id"
            return ScoreResult(Problem("Internal server error", 500, detail)), ()
        unseen: dict[str, int] = {}
        for names in scored.unseen.values():
            for name in names:
                unseen[name] = unseen.get(name, 0) + 1
        return ScoreResult(None, len(scored.rows), len(scored.refused), unseen), parts

    def close(self) -> None:
        """Stop the process that reads Parquet."""
        self._reader.close()

    def _scored(self, request: ScoreRequest, body: bytes) -> score.ScoredTable:
        model = self._loaded(request)
        is_named = request.profile is not None
        own = own_columns(model.card.mapping) if request.profile is None else _profile(request.profile)
        if request.content_type == write.CSV:
            table = read.read_csv(body, own, is_named)
            as_of, horizon = request.as_of, read_horizon(request.horizon)
        elif request.content_type == write.PARQUET:
            found = self._reader.read(body, is_named)
            table = found if isinstance(found, DealTable) else read.of_export(found, "the file", own, is_named)
            as_of, horizon = request.as_of, read_horizon(request.horizon)
        else:
            table, sent = read.read_json(body, own)
            as_of, horizon = sent.as_of, sent.horizon
            _require_same(request, as_of, horizon)
        table = self._pseudonyms.table(table, model.card.pseudonymised)
        return score.score(model, table, Question.ask(model, as_of, horizon), _THREADS)

    def _loaded(self, request: ScoreRequest) -> DealModel:
        if self._model is None or self._name != request.model:
            self._model = None  # two at a time would double the memory
            gc.unfreeze()
            self._model, self._name = DealModel.load(Path(request.folder), request.sha256), request.model
            self._model.builder.tables(self._model.builder.history.known_until)
            # The model stays: the garbage collector need not scan it after each batch.
            gc.collect()
            gc.freeze()
            _LOG.info("batch worker", extra={"model": request.version, "run": request.run_id, "folder": request.folder})
        return self._model


def _profile(name: str) -> OwnColumns:
    known = {profile.name: profile for profile in shipped()}
    if name not in known:
        expected = f"one of {', '.join(known)}"
        raise InvalidInputError("mapping", name, expected, f"there is no mapping {name[:50]!r}")
    return OwnColumns(known[name])


def _require_same(request: ScoreRequest, as_of: date | None, horizon: Horizon) -> None:
    """A JSON body has its own as-of date and horizon. Raise InvalidInputError when the query differs."""
    said = (("as_of", request.as_of, as_of), ("horizon", read_horizon(request.horizon), horizon))
    for name, asked, own in said:
        if asked not in (None, QUARTER_END, own):
            detail = f"the query says {name}={asked} and the body {own}: say it in the body"
            raise InvalidInputError(name, str(asked), "the body's, or none", detail)


def serve(connection: socket.socket, worker: Worker) -> None:
    """Answer batches until the service ends."""
    while (asked := _next(connection)) is not None:
        request, buffer = asked
        yield_to_others()
        # Ten thousand deals would trigger the garbage collector dozens of times for nothing.
        gc.disable()
        result, parts = worker.answer(request, buffer.content())
        buffer.replace(parts)
        send_result(connection, result, len(buffer))
        del asked, buffer, parts
        gc.enable()


def _next(connection: socket.socket) -> tuple[ScoreRequest, SharedBuffer] | None:
    """Wait for the next batch.

    After a while without one, memory is returned; the next batch takes milliseconds longer.
    """
    if not select.select([connection], [], [], _IDLE_S)[0]:
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
    return receive_request(connection)


def _run_when_idle() -> None:
    """Lower this process's priority, so that single predictions go first."""
    try:
        run_when_idle()
    except OSError as error:
        os.nice(19)
        _LOG.warning("batch worker", extra={"problem": f"it cannot run as idle, and runs at niceness 19: {error}"})


def main() -> None:
    logs.configure(in_background=True)
    # The service ends this process by closing the socket, once the batch that it is at has been answered.
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, signal.SIG_IGN)
    _run_when_idle()
    resource.setrlimit(resource.RLIMIT_DATA, (_MAX_DATA, _MAX_DATA))
    recording = JournalSettings.from_environment(os.environ)
    journal = None if recording is None else recording.shipper()
    if journal is not None:
        journal.start()
    pseudonyms = Pseudonyms.of_environment(os.environ)
    with socket.socket(fileno=int(sys.argv[1])) as connection, closing(Worker(journal, pseudonyms)) as worker:
        try:
            serve(connection, worker)
        except ConnectionError as error:
            _LOG.warning("batch worker", extra={"problem": f"the service has ended: {error}"})
    if journal is not None and (lost := journal.close()):
        _LOG.error("journal", extra={"problem": f"{lost} messages found room neither in the stream nor in the spool"})


if __name__ == "__main__":
    main()
