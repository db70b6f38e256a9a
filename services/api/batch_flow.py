"""A batch's body and answer on the caller's own connection, which is lent to the worker: as long as they flow, and no longer."""

import socket
import time
from collections.abc import Sequence

from services.api.batch_wire import Octets

_PATIENCE_S = 0.25  # for all of a body or of an answer: other batches wait for it
_PIECE = 262_144  # bytes a call: in one call the kernel lets nobody else run


def received(lent: socket.socket, count: int, begun: bytes) -> bytes:
    """`begun` and the next `count` bytes; fewer when they do not come in time or the caller has left."""
    pieces = [begun]
    end = time.monotonic() + _PATIENCE_S
    while count:
        lent.settimeout(max(end - time.monotonic(), 0.0))
        try:
            piece = lent.recv(min(count, _PIECE))
        except OSError:  # nothing came in time, or never will: who lent it finds out
            break
        if not piece:
            break
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def sent(lent: socket.socket, parts: Sequence[Octets]) -> int:
    """How many bytes of `parts` were written: fewer than all when the caller takes them too slowly or has left."""
    end, total = time.monotonic() + _PATIENCE_S, 0
    for at, part in enumerate(parts):
        flags = socket.MSG_MORE if at < len(parts) - 1 else 0
        view = memoryview(part)
        while view:
            lent.settimeout(max(end - time.monotonic(), 0.0))
            try:
                count = lent.send(view[:_PIECE], flags)
            except OSError:
                return total
            view, total = view[count:], total + count
    return total


def behind(parts: Sequence[Octets], count: int) -> tuple[Octets, ...]:
    """What follows the first `count` bytes of `parts`."""
    rest: list[Octets] = []
    for part in parts:
        if count < len(part):
            rest.append(memoryview(part)[count:])
        count = max(count - len(part), 0)
    return tuple(rest)
