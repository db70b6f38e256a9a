"""The API's end of the journal: takes entries without waiting, and keeps each until it is on a disk that is not its own."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from closecast.platform.journal.entry import parts
from closecast.platform.journal.inbox import Draft, Inbox
from closecast.platform.journal.spool import SEGMENT_BYTES, Spool, SpoolError
from closecast.platform.journal.stream import Encoded, deals_in, encode, packed
from closecast.platform.journal.stream_writer import StreamWriteError, StreamWriter
from closecast.platform.runtime.background import BackgroundWorker
from closecast.platform.runtime.scheduling import give_way, interrupt_others

GATHER_SECONDS = 0.02  # how long entries gather before they are sent: what a kill -9 of this process can lose
MAX_WAITING_BYTES = 16_000_000  # of drafts, about
_WINDOW_BYTES = 8_000_000  # packed and not confirmed
_AT_ONCE = 64  # messages sent before their answers are read
_LENT_SEGMENTS = 4  # of the spool, on their way at a time
_SHORTEST_RETRY_S, _LONGEST_RETRY_S = 0.1, 2.0
_ROOM_SECONDS = 0.2  # between two questions whether a full cache has room again
_ADOPT_SECONDS = 30.0
_REST_SECONDS = 0.5


@dataclass(frozen=True)
class ShipperStatus:
    """Where a shipper stands at one moment, for gauges and health."""

    waiting: int  # deals in memory that are not packed yet
    waiting_bytes: int
    unconfirmed: int  # messages in memory that are packed and on no disk yet, as far as is known
    unconfirmed_bytes: int
    spool_bytes: int
    spool_limit: int
    damaged_segments: int
    shipped: int  # deals confirmed on the cache's disk, since the start; one that had to be sent again counts again
    spooled: int  # deals put into the spool, since the start
    refused: int  # calls of append that raised, since the start
    unwritable: int  # deals of which no entry could be made, since the start: an error of ours, told as `problem`
    lag_seconds: float  # age of the oldest entry that is not confirmed, the spool's included
    problem: str | None  # why the stream is not taking messages now


class Shipper:
    """Ships entries to the stream of the cache at `address()`, through `spool` while it cannot take them.

    `address` is asked at each connection, because a cache may move; it gives None while the cache was never seen.

    `append` may be called from any thread, the event loop's included, where it must not wait: a draft is only kept. Everything
    else happens on one thread, which writes and packs what has gathered, sends it, and forgets it once the cache's
    append-only file is on disk. An entry that was accepted is in memory, in the spool
    or in the stream, in one of them at least. What had to be sent twice is counted once: the store knows it by its id.
    """

    def __init__(
        self, address: Callable[[], str | None], spool: Spool, max_waiting_bytes: int = MAX_WAITING_BYTES
    ) -> None:
        self._address = address
        self._spool = spool
        self._worker = BackgroundWorker(
            "journal", self._round, self._drop_writer, retry_seconds=_SHORTEST_RETRY_S, finish=self._finish
        )
        self._inbox = Inbox(max_waiting_bytes, self._worker.wake, self._why_full)
        # The rest belongs to the thread.
        self._encoded: list[Encoded] = []  # what could not be packed last time
        self._window: list[tuple[bytes, float]] = []  # messages and when they were packed, oldest first
        self._window_bytes = 0
        self._sent = 0  # how many of the window the stream has acknowledged
        self._lent: list[Path] = []  # segments that the stream has acknowledged
        self._fenced: tuple[int, list[Path]] = (0, [])  # what of both the open fence asks about
        self._writer: StreamWriter | None = None
        self._not_before, self._pause = 0.0, _SHORTEST_RETRY_S  # of the next try to reach the cache
        self._room = 0.0  # bytes of the cache that may still be filled
        self._room_due = 0.0  # when the cache is asked again how many they are
        self._failing = False
        self._adopted = 0.0
        self._shipped = self._spooled = self._unwritable = 0
        self._draft_problem: str | None = None
        self._problem: str | None = "the cache has not been asked yet"
        self._spool_problem: str | None = None

    def start(self) -> None:
        """Begin to ship, also what an earlier process left in the spool."""
        self._worker.start()

    def append(self, draft: Encoded | Draft, timeout_s: float = 0.0) -> None:
        """Accept an entry, or what will make one, whole or not at all; waits up to `timeout_s` for room, not at all by default.

        Raises JournalFullError when there is no room for it: then its request must not be answered.
        """
        self._inbox.append(draft, timeout_s)

    def close(self, seconds: float = 5.0) -> int:
        """Accept nothing more and put what is there into the stream, else into the spool.

        Takes `seconds` at most. Returns how many messages found no place: 0, unless the spool is full too.
        """
        self._inbox.close()
        if self._worker.stop(seconds):
            self._spool.close()
        return len(self._window) + len(self._encoded) + len(self._inbox)

    def status(self) -> ShipperStatus:
        """The numbers of this moment."""
        window = self._window
        moments = [packed_at for _, packed_at in islice(window, 1)]
        moments += [moment for moment in (self._inbox.since, self._spool.oldest()) if moment is not None]
        return ShipperStatus(
            waiting=self._inbox.deals,
            waiting_bytes=self._inbox.bytes,
            unconfirmed=len(window),
            unconfirmed_bytes=self._window_bytes,
            spool_bytes=self._spool.bytes,
            spool_limit=self._spool.limit,
            damaged_segments=self._spool.damaged(),
            shipped=self._shipped,
            spooled=self._spooled,
            refused=self._inbox.refused,
            unwritable=self._unwritable,
            lag_seconds=max(0.0, time.time() - min(moments)) if moments else 0.0,
            problem=self._draft_problem or self._spool_problem or self._problem,
        )

    def _round(self) -> float:
        interrupt_others()  # a processor that is busy answering would leave this thread too little to record what it answers
        self._worker.wait(GATHER_SECONDS)
        give_way()
        self._turn()
        return 0.0 if self._is_busy() else _REST_SECONDS

    def _turn(self) -> None:
        """Pack, send, confirm, spool: once each. Outlives whatever goes wrong, and says it."""
        try:
            self._pack()
            if self._failing:
                self._put_down()  # before the next try, which may take its time
            self._adopt()
            if self._connected():
                if self._has_room():
                    self._send()
                else:
                    self._put_down()
                self._confirm()
                self._lend()
        except StreamWriteError as error:
            self._drop_writer(str(error))  # and the next turn puts down what is there
        except Exception as error:  # noqa: BLE001 - nothing unconfirmed may be taken for kept; the reason is in `status`
            self._drop_writer(f"the journal's thread failed: {type(error).__name__}: {error}")

    def _pack(self) -> None:
        if self._window_bytes >= _WINDOW_BYTES:
            return
        self._encoded += self._written(self._inbox.take())
        messages = []
        for message in packed(self._encoded):
            messages.append(message)
            give_way()
        for message in messages:
            self._window.append((message, time.time()))
            self._window_bytes += len(message)
        self._encoded = []
        self._inbox.packed()

    def _written(self, drafts: Sequence[Encoded | Draft]) -> Iterator[Encoded]:
        """What the drafts become. One that fails must not keep the others from being recorded, now and for ever."""
        for draft in drafts:
            if isinstance(draft, Encoded):
                yield draft
                continue
            give_way()  # whoever answers requests may wait
            try:
                written: list[Encoded] = []
                for piece in parts(draft.entry()):
                    if written:
                        give_way()
                    written.append(encode(piece))
                yield from written
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told until the process ends
                self._unwritable += len(draft)
                self._draft_problem = (
                    f"{self._unwritable} predictions could not be written: {type(error).__name__}: {error}"
                )

    def _connected(self) -> bool:
        if self._writer is None and time.monotonic() >= self._not_before:
            self._not_before = time.monotonic() + self._pause
            self._pause = min(2 * self._pause, _LONGEST_RETRY_S)
            url = self._address()
            if url is None:
                raise StreamWriteError("the cache has not been found yet")
            self._writer, self._room_due = StreamWriter(url), 0.0
            self._pause, self._failing, self._problem, self._spool_problem = _SHORTEST_RETRY_S, False, None, None
        return self._writer is not None

    def _has_room(self) -> bool:
        """Whether the cache may be filled further: asked after each confirmation, when the room is used up, and while there
        is none again and again. What the cache has taken stays its own: to send that once more would fill it twice."""
        assert self._writer is not None
        if time.monotonic() >= self._room_due or (self._room <= 0 and self._problem is None):
            self._room, reason = self._writer.room()
            self._problem = None if self._room > 0 else reason
            self._room_due = float("inf") if self._room > 0 else time.monotonic() + _ROOM_SECONDS
            if self._room > 0:
                self._spool_problem = None
        return self._room > 0

    def _send(self) -> None:
        """What is new goes before what the spool holds: it is on no disk yet."""
        assert self._writer is not None
        while self._sent < len(self._window) and self._room > 0:
            batch = []
            for message, _ in self._window[self._sent : self._sent + _AT_ONCE]:
                batch.append(message)
                self._room -= len(message)
                if self._room <= 0:
                    break
            self._writer.add(batch)
            self._sent += len(batch)

    def _lend(self) -> None:
        """Send a segment of the spool; it stays on disk until the stream has it for good."""
        assert self._writer is not None
        if len(self._lent) >= _LENT_SEGMENTS or not self._spool.bytes or self._room < SEGMENT_BYTES:
            return
        segments = [path for path in self._spool.segments() if path not in self._lent]
        if not segments and not self._lent:
            self._spool.seal()
            segments = self._spool.segments()
        if segments:
            messages = self._spool.read(segments[0])
            for begin in range(0, len(messages), _AT_ONCE):
                self._writer.add(messages[begin : begin + _AT_ONCE])
            self._room -= sum(map(len, messages))
            self._lent.append(segments[0])

    def _confirm(self) -> None:
        """Forget what the cache's disk holds."""
        assert self._writer is not None
        if self._writer.fence_is_open and self._writer.confirmed():
            count, segments = self._fenced
            for message, _ in self._window[:count]:
                self._shipped += deals_in(message)
                self._window_bytes -= len(message)
            del self._window[:count]
            self._sent -= count
            for segment in segments:
                self._shipped += sum(map(deals_in, self._spool.read(segment)))
                self._spool.drop(segment)
                self._lent.remove(segment)
            self._room_due = 0.0
        if not self._writer.fence_is_open and (self._sent or self._lent):
            self._writer.open_fence()
            self._fenced = (self._sent, list(self._lent))

    def _put_down(self) -> None:
        """What is in memory and not in the stream goes to disk, as far as the spool has room."""
        self._spool_problem = None
        try:
            while self._sent < len(self._window):
                batch = [message for message, _ in self._window[self._sent : self._sent + _AT_ONCE]]
                count = self._spool.write(batch)
                self._spooled += sum(map(deals_in, batch[:count]))
                self._window_bytes -= sum(map(len, batch[:count]))
                del self._window[self._sent : self._sent + count]
                if count < len(batch):
                    self._spool_problem = (
                        f"the spool is full: {self._spool.bytes} of {self._spool.limit} bytes; {self._problem}"
                    )
                    return
        except SpoolError as error:
            self._spool_problem = f"{error}; {self._problem}"

    def _drop_writer(self, problem: str) -> None:
        """Nothing that was not confirmed may be taken for kept."""
        self._problem, self._failing = problem, True
        if self._writer is not None:
            self._writer.close()
        self._writer, self._sent, self._lent = None, 0, []

    def _adopt(self) -> None:
        if time.monotonic() - self._adopted > _ADOPT_SECONDS:
            self._adopted = time.monotonic()
            self._spool.adopt()

    def _finish(self) -> None:
        """The stream has two seconds to take and confirm the rest; then the spool gets it."""
        deadline = time.monotonic() + 2.0
        self._turn()
        while self._window and self._writer is not None and time.monotonic() < deadline:
            time.sleep(GATHER_SECONDS)
            self._turn()
        self._drop_writer("the process ends")
        self._put_down()

    def _is_busy(self) -> bool:
        return bool(self._window) or (self._spool.bytes > 0 and self._writer is not None)

    def _why_full(self) -> str:
        return self._spool_problem or self._problem or "predictions come faster than they can be recorded"
