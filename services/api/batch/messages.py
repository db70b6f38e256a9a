"""What the service and its batch worker say to each other: heads in MessagePack over a socket, bodies in memory that both open."""

import asyncio
import socket
from datetime import date

import msgspec

from services.api.batch.shared_buffer import SharedBuffer
from services.api.problems import Problem

_LONGEST_HEAD = 100_000  # bytes


class ScoreRequest(msgspec.Struct, frozen=True):
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


class ScoreResult(msgspec.Struct, frozen=True):
    """How it went."""

    problem: Problem | None = None
    scored: int = 0
    refused: int = 0
    unseen: dict[str, int] = {}


class WireError(ConnectionError):
    """The other side has ended."""


def ends() -> tuple[socket.socket, socket.socket]:
    """Both ends of a new connection, on which each head is one message."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send_request(connection: socket.socket, request: ScoreRequest, buffer: SharedBuffer) -> None:
    """Ask for the batch in `buffer` to be scored. Raises OSError when nobody listens any more."""
    socket.send_fds(connection, [msgspec.msgpack.encode((len(buffer), request))], [buffer.descriptor])


def receive_request(connection: socket.socket) -> tuple[ScoreRequest, SharedBuffer] | None:
    """Wait for the next batch; None when the service has ended."""
    head, descriptors, _, _ = socket.recv_fds(connection, _LONGEST_HEAD, 1)
    if not head:
        return None
    size, request = msgspec.msgpack.decode(head, type=tuple[int, ScoreRequest])
    return request, SharedBuffer(descriptors[0], size)


def send_result(connection: socket.socket, result: ScoreResult, size: int) -> None:
    """Say how it went, and that the buffer holds `size` bytes.

    Raises OSError when nobody listens any more.
    """
    connection.send(msgspec.msgpack.encode((size, result)))


async def receive_result(connection: socket.socket) -> tuple[int, ScoreResult]:
    """Wait for what the worker tells, on the running event loop. Raises OSError, and WireError when it has ended."""
    head = await asyncio.get_running_loop().sock_recv(connection, _LONGEST_HEAD)
    if not head:
        raise WireError("it has ended")
    return msgspec.msgpack.decode(head, type=tuple[int, ScoreResult])
