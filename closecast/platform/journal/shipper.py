"""The API's end of the journal: accepts entries without waiting, and keeps each until the cache has it on disk."""

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
from closecast.platform.runtime.scheduling import disable_preemption, enable_preemption, yield_to_others

GATHER_SECONDS = 0.02  # how long entries are collected before they are sent: a kill -9 of this process can lose them
MAX_WAITING_BYTES = 16_000_000  # of drafts, about
_WINDOW_BYTES = 8_000_000  # packed and not confirmed
_AT_ONCE = 64  # messages sent before their answers are read
_MAX_SENT_SEGMENTS = 4  # of the spool, on their way at a time
_SHORTEST_RETRY_S, _LONGEST_RETRY_S = 0.1, 2.0
_ROOM_SECONDS = 0.2  # between two checks whether a full cache has room again
_ADOPT_SECONDS = 30.0
_REST_SECONDS = 0.5
_MANY = 50  # deals gathered in one round


@dataclass(frozen=True)
class ShipperStatus:
    """The current figures of a shipper, for gauges and health."""

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
    unwritable: int  # deals of which no entry could be made, since the start: a bug, reported as `problem`
    lag_seconds: float  # age of the oldest entry that is not confirmed, the spool's included
    problem: str | None  # why the stream is not taking messages now


class Shipper:
    """Sends entries to the stream of the cache at `address()`, or to `spool` while the cache cannot take them.

    `address` is called for each connection, because a cache may move; it returns None while the cache was never seen.

    `append` may be called from any thread, including the event loop's, where it must not wait: a draft is only stored.
    Everything else happens on one thread, which packs and sends the entries, and drops them once the cache's
    append-only file is on disk. An accepted entry is always in memory, in the spool or in the stream. Entries that were
    sent twice are stored once: the store knows them by their id.
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
        # The rest is used only by the thread.
        self._encoded: list[Encoded] = []  # entries that could not be packed last time
        self._window: list[tuple[bytes, float]] = []  # messages and when they were packed, oldest first
        self._window_bytes = 0
        self._sent = 0  # how many of the window the stream has acknowledged
        self._sent_segments: list[Path] = []  # segments that the stream has acknowledged
        self._fenced: tuple[int, list[Path]] = (0, [])  # how much of both the open fence covers
        self._writer: StreamWriter | None = None
        self._not_before, self._pause = 0.0, _SHORTEST_RETRY_S  # time of the next attempt to reach the cache
        self._room = 0.0  # bytes of the cache that may still be filled
        self._room_due = 0.0  # time of the next query of that number
        self._failing = False
        self._adopted = 0.0
        self._shipped = self._spooled = self._unwritable = 0
        self._draft_problem: str | None = None
        self._problem: str | None = "the cache has not been asked yet"
        self._spool_problem: str | None = None

    def start(self) -> None:
        """Start sending, including what an earlier process left in the spool."""
        self._worker.start()

    def append(self, draft: Encoded | Draft, timeout_s: float = 0.0) -> None:
        """Accept a whole entry or draft, or raise; waits up to `timeout_s` for room, by default not at all.

        Raises JournalFullError when there is no room for it: then its request must not be answered.
        """
        self._inbox.append(draft, timeout_s)

    def close(self, seconds: float = 5.0) -> int:
        """Accept nothing more and move what is left to the stream, else to the spool.

        Takes `seconds` at most. Returns how many messages found no place: 0, unless the spool is full too.
        """
        self._inbox.close()
        if self._worker.stop(seconds):
            self._spool.close()
        return len(self._window) + len(self._encoded) + len(self._inbox)

    def status(self) -> ShipperStatus:
        """The current figures."""
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
        self._worker.wait(GATHER_SECONDS)
        # To record a few answers it interrupts nobody. Of many, busy request threads would leave it too little time.
        set_preemption = enable_preemption if self._inbox.deals > _MANY else disable_preemption
        set_preemption()
        yield_to_others()
        self._turn()
        return 0.0 if self._is_busy() else _REST_SECONDS

    def _turn(self) -> None:
        """Pack, send, confirm and spool once. Errors are reported, never raised."""
        try:
            self._pack()
            if self._failing:
                self._spool_unsent()  # before the next attempt, which may take long
            self._adopt()
            if self._connected():
                if self._has_room():
                    self._send()
                else:
                    self._spool_unsent()
                self._confirm()
                self._send_segment()
        except StreamWriteError as error:
            self._drop_writer(str(error))  # the next turn spools what is left
        except Exception as error:  # noqa: BLE001 - nothing unconfirmed may be taken for kept; the reason is in `status`
            self._drop_writer(f"the journal's thread failed: {type(error).__name__}: {error}")

    def _pack(self) -> None:
        if self._window_bytes >= _WINDOW_BYTES:
            return
        self._encoded += self._written(self._inbox.take())
        messages = []
        for message in packed(self._encoded):
            messages.append(message)
            yield_to_others()
        for message in messages:
            self._window.append((message, time.time()))
            self._window_bytes += len(message)
        self._encoded = []
        self._inbox.packed()

    def _written(self, drafts: Sequence[Encoded | Draft]) -> Iterator[Encoded]:
        """Encode the drafts. One that fails must not prevent the others from being recorded."""
        for draft in drafts:
            if isinstance(draft, Encoded):
                yield draft
                continue
            yield_to_others()  # request threads may be waiting
            try:
                written: list[Encoded] = []
                for piece in parts(draft.entry()):
                    if written:
                        yield_to_others()
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
        """Whether the cache has room for more.

        It is checked after each confirmation, when the room is used up, and repeatedly while there is none. Messages
        that the cache has accepted are not sent again, which would fill it twice.
        """
        assert self._writer is not None
        if time.monotonic() >= self._room_due or (self._room <= 0 and self._problem is None):
            room, reason = self._writer.room()
            self._room = room - SEGMENT_BYTES  # so that whatever is begun while there is room fits
            self._problem = None if self._room > 0 else reason
            self._room_due = float("inf") if self._room > 0 else time.monotonic() + _ROOM_SECONDS
            if self._room > 0:
                self._spool_problem = None
        return self._room > 0

    def _send(self) -> None:
        """Send new messages before those of the spool: they are on no disk yet."""
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

    def _send_segment(self) -> None:
        """Send a segment of the spool; it stays on disk until the stream has confirmed it."""
        assert self._writer is not None
        if len(self._sent_segments) >= _MAX_SENT_SEGMENTS or not self._spool.bytes or self._room <= 0:
            return
        segments = [path for path in self._spool.segments() if path not in self._sent_segments]
        if not segments and not self._sent_segments:
            self._spool.seal()
            segments = self._spool.segments()
        if segments:
            messages = self._spool.read(segments[0])
            for begin in range(0, len(messages), _AT_ONCE):
                self._writer.add(messages[begin : begin + _AT_ONCE])
            self._room -= sum(map(len, messages))
            self._sent_segments.append(segments[0])

    def _confirm(self) -> None:
        """Drop the messages that are on the cache's disk."""
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
                self._sent_segments.remove(segment)
            self._room_due = 0.0
        if not self._writer.fence_is_open and (self._sent or self._sent_segments):
            self._writer.open_fence()
            self._fenced = (self._sent, list(self._sent_segments))

    def _spool_unsent(self) -> None:
        """Write what is not in the stream to the spool, as far as it has room."""
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
        """Close the connection; unconfirmed messages must be sent again."""
        self._problem, self._failing = problem, True
        if self._writer is not None:
            self._writer.close()
        self._writer, self._sent, self._sent_segments = None, 0, []

    def _adopt(self) -> None:
        if time.monotonic() - self._adopted > _ADOPT_SECONDS:
            self._adopted = time.monotonic()
            self._spool.adopt()

    def _finish(self) -> None:
        """Give the stream two seconds to take and confirm the rest, then spool it."""
        deadline = time.monotonic() + 2.0
        self._turn()
        while self._window and self._writer is not None and time.monotonic() < deadline:
            time.sleep(GATHER_SECONDS)
            self._turn()
        self._drop_writer("the process ends")
        self._spool_unsent()

    def _is_busy(self) -> bool:
        return bool(self._window) or (self._spool.bytes > 0 and self._writer is not None)

    def _why_full(self) -> str:
        return self._spool_problem or self._problem or "predictions come faster than they can be recorded"
