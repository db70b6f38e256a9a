"""What the service and its batch worker say to each other: heads in MessagePack over a socket, bodies in memory that both open."""

import asyncio
import os
import socket
from collections.abc import Iterable, Iterator
from datetime import date

import msgspec

from closecast.platform.callers.limits import Decision, Limit
from services.api.problems import Problem

_LONGEST_HEAD = 100_000  # bytes
_PIECE = 131_072  # bytes that an event loop sends in one go: some 100 µs, for which others wait
_BEHIND_MARK = 1
Octets = bytes | memoryview


class Opening(msgspec.Struct, frozen=True):
    """How an answer begins that the worker writes itself, and what the caller's limit is (closecast.platform.callers.limits)."""

    lines: bytes  # the head but for the limit and the length
    quota: int
    window: float
    tokens: float  # left, with one spent for this request

    def head(self, deals: int, size: int) -> bytes:
        """All of the head, for an answer about `deals` whose content has `size` bytes."""
        left = Decision(True, Limit(self.quota, self.window), self.tokens - max(0, deals - 1))
        return b"%b%bcontent-length: %d\r\n\r\n" % (self.lines, left.allowed_lines(), size)


class Ask(msgspec.Struct, frozen=True):
    """A batch to score."""

    id: str  # under which the answers are kept
    request_id: str
    caller: str
    folder: str  # of the model
    model: str  # what tells this model, with this history, from others
    version: str
    run_id: str
    content_type: str
    answer_type: str
    as_of: date | None  # what the query says: of CSV and Parquet
    horizon: str
    length: int = 0  # bytes of the body, of which those that are not in the parcel come from the caller's connection
    opening: Opening | None = None  # so that the worker may answer on that connection
    sha256: str = ""  # of the model's manifest: a folder that has another one is not loaded


class Told(msgspec.Struct, frozen=True):
    """How it went."""

    problem: Problem | None = None
    scored: int = 0
    refused: int = 0
    unseen: dict[str, int] = {}
    stalled: bool = False  # the body did not come in time; the parcel holds what did
    size: int = 0  # bytes of the answer's content
    begun: bool = False  # by the worker, on the lent connection; the parcel holds what of the whole it could not write


class WireError(ConnectionError):
    """The other side has ended."""


class Parcel:
    """Bytes in memory that is handed from process to process: the body of a batch on its way there, its answer on the way back.

    Neither passes an event loop or a socket as a whole. The memory goes with the last object that has it open; until then
    what is put into it again costs no new memory, which is half of the price. Its first byte is a mark, which tells the one
    who finds the other process dead.
    """

    def __init__(self, descriptor: int, size: int = 0) -> None:
        self._file = open(descriptor, "r+b", buffering=0)  # noqa: SIM115 - it closes with this object
        self._size = size  # what lies behind it is of an earlier use

    @classmethod
    def empty(cls) -> "Parcel":
        return cls(os.memfd_create("closecast-batch"))

    @property
    def descriptor(self) -> int:
        return self._file.fileno()

    def mark(self, begun: bool) -> None:
        """Note whether an answer is being written past this memory."""
        os.pwrite(self.descriptor, bytes([begun]), 0)

    @property
    def is_marked(self) -> bool:
        return os.pread(self.descriptor, 1, 0) == b"\1"

    def add(self, piece: Octets) -> None:
        """Put `piece` behind what is there. Raises OSError when there is no memory left."""
        view = memoryview(piece)
        while view:
            written = os.pwrite(self.descriptor, view, _BEHIND_MARK + self._size)
            view = view[written:]
            self._size += written

    def content(self) -> bytes:
        """All of it."""
        return os.pread(self.descriptor, self._size, _BEHIND_MARK)

    def replace(self, parts: Iterable[Octets]) -> None:
        """Let `parts` be all of it."""
        self._size = 0
        for part in parts:
            self.add(part)

    def resize(self, size: int) -> None:
        """Let it hold what another process has put into it, `size` bytes."""
        self._size = size

    def room(self) -> int:
        """The bytes of memory that it takes."""
        return os.fstat(self.descriptor).st_size

    def __len__(self) -> int:
        return self._size

    def pieces(self) -> Iterator[bytes]:
        """All of it, in pieces that are soon sent."""
        for begin in range(0, self._size, _PIECE):
            yield os.pread(self.descriptor, min(_PIECE, self._size - begin), _BEHIND_MARK + begin)


def ends() -> tuple[socket.socket, socket.socket]:
    """Both ends of a new connection, on which each head is one message."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def hand(connection: socket.socket, ask: Ask, parcel: Parcel, lent: int | None = None) -> None:
    """Ask for the batch in `parcel` to be scored. `lent` is the descriptor of the caller's own connection, if it is lent.

    Raises OSError when nobody listens any more.
    """
    descriptors = [parcel.descriptor] if lent is None else [parcel.descriptor, lent]
    socket.send_fds(connection, [msgspec.msgpack.encode((len(parcel), ask))], descriptors)


def take(connection: socket.socket) -> tuple[Ask, Parcel, socket.socket | None] | None:
    """Wait for the next batch, and the caller's connection if it is lent; None when the service has ended."""
    head, descriptors, _, _ = socket.recv_fds(connection, _LONGEST_HEAD, 2)
    if not head:
        return None
    size, ask = msgspec.msgpack.decode(head, type=tuple[int, Ask])
    lent = socket.socket(fileno=descriptors[1]) if len(descriptors) > 1 else None
    return ask, Parcel(descriptors[0], size), lent


def tell(connection: socket.socket, told: Told, size: int) -> None:
    """Say how it went, and that the parcel holds `size` bytes.

    Raises OSError when nobody listens any more.
    """
    connection.send(msgspec.msgpack.encode((size, told)))


async def hear(connection: socket.socket) -> tuple[int, Told]:
    """Wait for what the worker tells, on the running event loop. Raises OSError, and WireError when it has ended."""
    head = await asyncio.get_running_loop().sock_recv(connection, _LONGEST_HEAD)
    if not head:
        raise WireError("it has ended")
    return msgspec.msgpack.decode(head, type=tuple[int, Told])
