"""Messages between the service and its batch worker: heads in MessagePack over a socket, bodies in shared memory."""

import asyncio
import socket
from datetime import date

import msgspec

from services.api.batch.shared_buffer import SharedBuffer
from services.api.problems import Problem

_LONGEST_HEAD = 100_000  # bytes


class ScoreRequest(msgspec.Struct, frozen=True):
    """A batch to score."""

    id: str  # of the recorded predictions
    request_id: str
    caller: str
    folder: str  # of the model
    model: str  # identifies this model with this history
    version: str
    run_id: str
    content_type: str
    answer_type: str
    as_of: date | None  # of the query, for CSV and Parquet
    horizon: str
    profile: str | None = None  # mapping that the caller names
    sha256: str = ""  # of the model's manifest: a folder with another one is not loaded


class ScoreResult(msgspec.Struct, frozen=True):
    """The result of a batch."""

    problem: Problem | None = None
    scored: int = 0
    refused: int = 0
    unseen: dict[str, int] = {}


class WireError(ConnectionError):
    """The other side has ended."""


def ends() -> tuple[socket.socket, socket.socket]:
    """Open a connection on which each head is one message; returns both ends."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send_request(connection: socket.socket, request: ScoreRequest, buffer: SharedBuffer) -> None:
    """Send the batch in `buffer` for scoring. Raises OSError when the other side has ended."""
    socket.send_fds(connection, [msgspec.msgpack.encode((len(buffer), request))], [buffer.descriptor])


def receive_request(connection: socket.socket) -> tuple[ScoreRequest, SharedBuffer] | None:
    """Wait for the next batch; None when the service has ended."""
    head, descriptors, _, _ = socket.recv_fds(connection, _LONGEST_HEAD, 1)
    if not head:
        return None
    size, request = msgspec.msgpack.decode(head, type=tuple[int, ScoreRequest])
    return request, SharedBuffer(descriptors[0], size)


def send_result(connection: socket.socket, result: ScoreResult, size: int) -> None:
    """Send the result, and the `size` of the answer in the buffer.

    Raises OSError when the other side has ended.
    """
    connection.send(msgspec.msgpack.encode((size, result)))


async def receive_result(connection: socket.socket) -> tuple[int, ScoreResult]:
    """Wait for the worker's result on the running event loop.

    Raises OSError, and WireError when the worker has ended.
    """
    head = await asyncio.get_running_loop().sock_recv(connection, _LONGEST_HEAD)
    if not head:
        raise WireError("it has ended")
    return msgspec.msgpack.decode(head, type=tuple[int, ScoreResult])
