"""What the service and its batch worker say to each other: heads in MessagePack over a socket, bodies in memory that both open."""

import asyncio
import os
import socket
from collections.abc import Iterable, Iterator
from datetime import date

import msgspec

from services.api.problems import Problem

_LONGEST_HEAD = 100_000  # bytes
_PIECE = 131_072  # bytes that an event loop sends in one go: some 100 µs, for which others wait
Octets = bytes | memoryview


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
    sha256: str = ""  # of the model's manifest: a folder that has another one is not loaded


class Told(msgspec.Struct, frozen=True):
    """How it went."""

    problem: Problem | None = None
    scored: int = 0
    refused: int = 0
    unseen: dict[str, int] = {}


class WireError(ConnectionError):
    """The other side has ended."""


class Parcel:
    """Bytes in memory that is handed from process to process: the body of a batch on its way there, its answer on the way back.

    Neither passes an event loop or a socket as a whole. The memory goes with the last object that has it open; until then
    what is put into it again costs no new memory, which is half of the price.
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

    def add(self, piece: Octets) -> None:
        """Put `piece` behind what is there. Raises OSError when there is no memory left."""
        view = memoryview(piece)
        while view:
            written = os.pwrite(self.descriptor, view, self._size)
            view = view[written:]
            self._size += written

    def content(self) -> bytes:
        """All of it."""
        return os.pread(self.descriptor, self._size, 0)

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
            yield os.pread(self.descriptor, min(_PIECE, self._size - begin), begin)


def ends() -> tuple[socket.socket, socket.socket]:
    """Both ends of a new connection, on which each head is one message."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def hand(connection: socket.socket, ask: Ask, parcel: Parcel) -> None:
    """Ask for the batch in `parcel` to be scored. Raises OSError when nobody listens any more."""
    socket.send_fds(connection, [msgspec.msgpack.encode((len(parcel), ask))], [parcel.descriptor])


def take(connection: socket.socket) -> tuple[Ask, Parcel] | None:
    """Wait for the next batch; None when the service has ended."""
    head, descriptors, _, _ = socket.recv_fds(connection, _LONGEST_HEAD, 1)
    if not head:
        return None
    size, ask = msgspec.msgpack.decode(head, type=tuple[int, Ask])
    return ask, Parcel(descriptors[0], size)


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
