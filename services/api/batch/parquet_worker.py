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
import numpy as np
import pyarrow as pa

from closecast.scoring.columns import Column
from services.api.batch import read_parquet
from services.api.batch.shared_buffer import SharedBuffer
from services.api.problems import FieldError, InvalidInputError, field_error

NAMED, UNNAMED = b"named", b"unnamed"  # whether the caller named the mapping of an export
READY = b"ready"  # sent once the imports are done, so that their time isn't the first file's
_PR_SET_PDEATHSIG = 1
_MAX_DATA = 700_000_000  # bytes of memory
FILE_CPU_S = 20  # seconds of a processor for one file; then the system ends this process with SIGPROF


class Read(msgspec.Struct, frozen=True):
    """The columns of a file of `count` rows, or the problem with it.

    `distinct` has the distinct values of each column, and `positions` those of its rows in them, (columns, count), int32
    in native byte order. Identifiers are the buffers of an Arrow array of strings: which are valid (None: all), where each
    begins, and the text. Columns of an export are those of a CRM as text, and its identifiers are among them.
    """

    problem: FieldError | None = None
    count: int = 0
    identifiers: tuple[bytes | None, bytes, bytes] = (None, b"", b"")
    distinct: dict[str, list[str | float | None]] = {}
    positions: bytes = b""
    is_export: bool = False


def read(content: bytes, is_named: bool) -> Read:
    """Read the columns of `content`, an export of a CRM where it `is_named` so by the caller or has no engage_date.

    Whatever Arrow raises is the file's fault: nothing else is done here.
    """
    try:
        table = None if is_named else read_parquet.read_parquet(content)
        if table is None:
            export = read_parquet.read_export(content)
            count = max((len(column.positions) for column in export.values()), default=0)
            return Read(None, count, distinct=_distinct(export), positions=_positions(export), is_export=True)
        identifiers, columns = _buffers(table.identifiers), table.columns
        return Read(None, len(table), identifiers, _distinct(columns), _positions(columns))
    except InvalidInputError as error:
        return Read(field_error(error))
    except Exception as error:  # noqa: BLE001 - a name or a text that is not UTF-8, a time zone that is none, a date beyond all
        return Read(field_error(read_parquet.unreadable(error)))


def _buffers(texts: pa.StringArray) -> tuple[bytes | None, bytes, bytes]:
    whole = pa.concat_arrays([texts, pa.array([], pa.string())])  # so that its buffers begin with the first text
    valid, begins, content = (None if one is None else one.to_pybytes() for one in whole.buffers())
    return valid, begins or b"", content or b""


def _distinct(columns: dict[str, Column]) -> dict[str, list[str | float | None]]:
    return {name: one.distinct for name, one in columns.items()}


def _positions(columns: dict[str, Column]) -> bytes:
    all_of_them = [one.positions for one in columns.values()]
    return np.concatenate(all_of_them, dtype=np.int32, casting="same_kind").tobytes() if all_of_them else b""


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
            # Of the processor's time, since a busy machine stretches the clock.
            signal.setitimer(signal.ITIMER_PROF, FILE_CPU_S)
            size, named = head.split()
            buffer = SharedBuffer(descriptors[0], int(size))
            buffer.replace([msgspec.msgpack.encode(read(buffer.content(), named == NAMED))])
            connection.send(b"%d" % len(buffer))
            del buffer


if __name__ == "__main__":
    main()
