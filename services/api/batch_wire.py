"""What the service and its batch worker say to each other over a socket: a head in MessagePack, then a body of bytes."""

import socket
import struct
from datetime import date

import msgspec

from services.api.problems import Problem

_SIZES = struct.Struct("<II")


class Ask(msgspec.Struct, frozen=True):
    """A batch to score; the body that follows is the request's."""

    id: str  # under which the answers are kept
    request_id: str
    caller: str
    folder: str  # of the model
    model: str  # what tells this model, with this history, from others
    version: str
    content_type: str
    answer_type: str
    as_of: date | None  # what the query says: of CSV and Parquet
    horizon: str


class Told(msgspec.Struct, frozen=True):
    """How it went; the body that follows is the answer, empty where there is a problem."""

    problem: Problem | None = None
    scored: int = 0
    refused: int = 0
    unseen: dict[str, int] = {}


class WireError(ConnectionError):
    """The other side has ended, or says nothing for too long."""


def send(connection: socket.socket, head: Ask | Told, body: bytes) -> None:
    """Raises OSError when nobody listens any more."""
    packed = msgspec.msgpack.encode(head)
    connection.sendall(_SIZES.pack(len(packed), len(body)) + packed)
    connection.sendall(body)


def receive(connection: socket.socket) -> tuple[bytes, bytes] | None:
    """The next head and its body; None when the other side has ended in between two. Raises WireError."""
    sizes = _read(connection, _SIZES.size)
    if not sizes:
        return None
    head, body = (_read(connection, size) for size in _SIZES.unpack(sizes))
    if [len(head), len(body)] != list(_SIZES.unpack(sizes)):
        raise WireError("ended within an answer")
    return head, body


def _read(connection: socket.socket, size: int) -> bytes:
    """`size` bytes, or none at all where the other side has ended. Raises WireError for anything in between.

    In one call: each return to Python would take the interpreter's lock from whoever has it, and each copy keep it.
    """
    if not size:
        return b""
    try:
        content = connection.recv(size, socket.MSG_WAITALL)
    except BlockingIOError as error:
        raise WireError("no answer in time") from error
    if content and len(content) < size:
        raise WireError(f"{len(content)} of {size} bytes came")
    return content
