"""The process that scores batches beside the service, so that none holds up a single prediction.

Decoding, scoring and encoding 10,000 deals keeps an interpreter busy for tens of milliseconds, in which its other threads
stand still. Here there are none. Started by BatchLane as `python -m services.api.batch_worker 3`: the number is the descriptor of the
socket on which the service asks.
"""

import ctypes
import gc
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

if __name__ == "__main__":
    import services.api.left_out  # noqa: F401 - before whatever would import that

# isort: split
import msgspec

from closecast.features.horizon import QUARTER_END, Horizon
from closecast.models.deal_model import DealModel, ModelError
from closecast.platform.identity import MODEL_NAME
from closecast.platform.journal.inbox import Journal, JournalFullError
from closecast.platform.scheduling import give_way, step_back
from services.api import batch, batch_answers, batch_flow, batch_sheet, scoring
from services.api.batch_reader import BatchReader, ReaderError
from services.api.batch_wire import Ask, Octets, Parcel, Told, take, tell
from services.api.logs import log
from services.api.problems import InvalidInputError, Problem, of_invalid
from services.api.recorder import Recording
from services.api.schemas import ModelVersion

# One processor stays for the single predictions: on two, a second thread took p99 of these from 1.4 to 2.3 times its rest.
_THREADS = max(1, min(4, (os.cpu_count() or 2) - 1))
_IDLE_S = 60.0  # after which the memory of the last batches is given back
_ROOM_S = 5.0  # how long a batch waits for those before it to be recorded; then it is refused
_MAX_DATA = 1_500_000_000  # bytes of memory: what lies about its own size fails here, and not on the machine


class Worker:
    """Scores one batch after the other, with the model that was asked for last."""

    def __init__(self, journal: Journal | None) -> None:
        self._journal = journal
        self._reader = BatchReader()
        self._name = ""
        self._model: DealModel | None = None

    def answer(self, ask: Ask, body: bytes) -> tuple[Told, tuple[Octets, ...]]:
        """The answer, written down: what cannot be written down is not answered."""
        try:
            scored, model = self._scored(ask, body), ModelVersion(MODEL_NAME, ask.version, ask.run_id)
            give_way()
            parts = batch_answers.encoded(scored, ask.answer_type, UUID(ask.id), model)
            answered = batch.Answered(scored, UUID(ask.id), datetime.now(UTC), ask.request_id, ask.caller, model)
            if self._journal is not None and len(answered):
                self._journal.append(answered, _ROOM_S)
        except InvalidInputError as error:
            return Told(of_invalid(error)), ()
        except (ModelError, JournalFullError, ReaderError) as error:
            return Told(Problem("The service cannot answer this now", 503, str(error))), ()
        except Exception as error:  # noqa: BLE001 - one batch's fault is not the next one's; the log has the reason
            log("failure", level="error", request_id=ask.request_id, error=f"{type(error).__name__}: {error}")
            detail = "the service failed on this batch; its log has the reason under the request id"
            return Told(Problem("Internal server error", 500, detail)), ()
        unseen: dict[str, int] = {}
        for names in scored.unseen.values():
            for name in names:
                unseen[name] = unseen.get(name, 0) + 1
        size = sum(map(len, parts))
        return Told(None, len(scored.rows), len(scored.refused), unseen, size=size), parts

    def close(self) -> None:
        """End the process that reads Parquet."""
        self._reader.close()

    def _scored(self, ask: Ask, body: bytes) -> batch.Scored:
        model = self._loaded(ask)
        if ask.content_type == batch_answers.CSV:
            sheet, as_of, horizon = batch_sheet.read_csv(body), ask.as_of, scoring.horizon_of(ask.horizon)
        elif ask.content_type == batch_answers.PARQUET:
            sheet, as_of, horizon = self._reader.read(body), ask.as_of, scoring.horizon_of(ask.horizon)
        else:
            sheet, sent = batch_sheet.read_json(body)
            as_of, horizon = sent.as_of, sent.horizon
            _require_same(ask, as_of, horizon)
        return batch.score(model, sheet, scoring.Question.ask(model, as_of, horizon), _THREADS)

    def _loaded(self, ask: Ask) -> DealModel:
        if self._model is None or self._name != ask.model:
            self._model = None  # two at a time would double the memory
            gc.unfreeze()
            self._model, self._name = DealModel.load(Path(ask.folder), ask.sha256), ask.model
            self._model.builder.tables(self._model.builder.history.known_until)
            # The model stays: the collector need not walk it after each batch.
            gc.collect()
            gc.freeze()
            log("batch worker", model=ask.version, run=ask.run_id, folder=ask.folder)
        return self._model


def _require_same(ask: Ask, as_of: date | None, horizon: Horizon) -> None:
    """JSON says its own question. Raises InvalidInputError for a query that asks another."""
    said = (("as_of", ask.as_of, as_of), ("horizon", scoring.horizon_of(ask.horizon), horizon))
    for name, asked, own in said:
        if asked not in (None, QUARTER_END, own):
            detail = f"the query says {name}={asked} and the body {own}: say it in the body"
            raise InvalidInputError(name, str(asked), "the body's, or none", detail)


def serve(connection: socket.socket, worker: Worker) -> None:
    """Answer until the service ends."""
    while (asked := _next(connection)) is not None:
        ask, parcel, lent = asked
        give_way()
        # Ten thousand deals make the collector run dozens of times, and nothing in them is for it.
        gc.disable()
        if lent is None:
            _answer(connection, worker, ask, parcel)
        else:
            with lent:
                _answer_lent(connection, worker, ask, parcel, lent)
        del asked, parcel, lent
        gc.enable()


def _answer(connection: socket.socket, worker: Worker, ask: Ask, parcel: Parcel) -> None:
    """Body and answer are in the parcel."""
    told, parts = worker.answer(ask, parcel.content())
    parcel.replace(parts)
    tell(connection, told, len(parcel))


def _answer_lent(connection: socket.socket, worker: Worker, ask: Ask, parcel: Parcel, lent: socket.socket) -> None:
    """The rest of the body comes from the caller's connection, and the answer goes to it, as far as both flow."""
    body = batch_flow.received(lent, ask.length - len(parcel), parcel.content())
    give_way()
    if len(body) < ask.length:
        parcel.add(memoryview(body)[len(parcel) :])
        tell(connection, Told(stalled=True), len(parcel))
        return
    told, parts = worker.answer(ask, body)
    if told.problem is None and ask.opening is not None:
        # Head and content at once: with the service asked for the head, the caller waits a millisecond longer.
        parts = (ask.opening.head(told.scored + told.refused, told.size), *parts)
        parcel.mark(True)
        parts = batch_flow.behind(parts, batch_flow.sent(lent, parts))
        told = msgspec.structs.replace(told, begun=True)
    parcel.replace(parts)
    tell(connection, told, len(parcel))


def _next(connection: socket.socket) -> tuple[Ask, Parcel, socket.socket | None] | None:
    """The next batch. After a while without one, memory is given back; the next batch takes milliseconds to get it again."""
    if not select.select([connection], [], [], _IDLE_S)[0]:
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
    return take(connection)


def _step_back() -> None:
    """Single predictions go first."""
    try:
        step_back()
    except OSError as error:
        os.nice(19)
        log("batch worker", level="warning", problem=f"it cannot run as idle, and runs at niceness 19: {error}")


def main() -> None:
    # The service ends this process by closing the socket, once the batch that it is at has been answered.
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, signal.SIG_IGN)
    _step_back()
    resource.setrlimit(resource.RLIMIT_DATA, (_MAX_DATA, _MAX_DATA))
    recording = Recording.from_environment(os.environ)
    journal = None if recording is None else recording.shipper()
    if journal is not None:
        journal.start()
    with socket.socket(fileno=int(sys.argv[1])) as connection, closing(Worker(journal)) as worker:
        try:
            serve(connection, worker)
        except ConnectionError as error:
            log("batch worker", level="warning", problem=f"the service has ended: {error}")
    if journal is not None and (lost := journal.close()):
        log("journal", level="error", problem=f"{lost} messages found room neither in the stream nor in the spool")


if __name__ == "__main__":
    main()
