"""The process that reads uploaded Parquet for the batch worker, because Arrow crashes on some damaged files.

Started by `ParquetSupervisor` as `python -m services.api.batch.parquet_worker 3 <pid of the worker>`: the first number
is the descriptor of the socket for requests. Its memory is limited to what one file may need, and it ends with the
worker in any case.
"""

import ctypes
import os
import resource
import signal
import socket
import sys

import msgspec

from services.api.batch import read_parquet
from services.api.batch.shared_buffer import SharedBuffer
from services.api.problems import FieldError, InvalidInputError, field_error

READY = b"ready"  # sent once the imports are done, so that their time isn't the first file's
_PR_SET_PDEATHSIG = 1
_MAX_DATA = 700_000_000  # bytes of memory


class Read(msgspec.Struct, frozen=True):
    """The columns of a file, or the problem with it; `positions` are int64 in native byte order."""

    problem: FieldError | None = None
    identifiers: list[str | None] = []
    columns: dict[str, tuple[bytes, list[str | float | None]]] = {}


def read(content: bytes) -> Read:
    """Read the columns of `content`. Whatever Arrow raises is the file's fault: nothing else is done here."""
    try:
        table = read_parquet.read_parquet(content)
        return Read(
            None,
            table.identifiers.to_pylist(),
            {
                name: (column.positions.astype("int64").tobytes(), column.distinct)
                for name, column in table.columns.items()
            },
        )
    except InvalidInputError as error:
        return Read(field_error(error))
    except Exception as error:  # noqa: BLE001 - a name or a text that is not UTF-8, a time zone that is none, a date beyond all
        return Read(field_error(read_parquet.unreadable(error)))


def _end_with(parent: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the signal was set up
        sys.exit(0)


def main() -> None:
    _end_with(int(sys.argv[2]))
    resource.setrlimit(resource.RLIMIT_DATA, (_MAX_DATA, _MAX_DATA))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        connection.send(READY)
        while True:
            head, descriptors, _, _ = socket.recv_fds(connection, 100, 1)
            if not head:
                return
            buffer = SharedBuffer(descriptors[0], int(head))
            buffer.replace([msgspec.msgpack.encode(read(buffer.content()))])
            connection.send(b"%d" % len(buffer))
            del buffer


if __name__ == "__main__":
    main()
