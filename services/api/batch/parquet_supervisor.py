"""Supervise the process that reads Parquet: only a file that crashes or blocks it is refused."""

import logging
import os
import select
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow as pa

from closecast.platform.request_limits import MOST_DEALS
from closecast.scoring.columns import Column, DealTable
from services.api.batch.messages import ends
from services.api.batch.parquet_worker import FILE_CPU_S, NAMED, READY, UNNAMED, Read
from services.api.batch.shared_buffer import SharedBuffer
from services.api.problems import InvalidInputError

if TYPE_CHECKING:
    from closecast.deals.reading.table import RawTable  # imports pandas, which few files need

_LOG = logging.getLogger(__name__)

# Of the clock, these bound what a stalled machine may cost; what a file may cost is processor time (`FILE_CPU_S`).
START_S = 60.0  # its imports take one or two
PATIENCE_S = 60.0  # for one file; 10,000 deals take some milliseconds
_END_S = 5.0


class ReaderError(RuntimeError):
    """The reader process ended, but not because of the file."""


class ParquetSupervisor:
    """Reads files in another process, which is started for the first file and after each crash."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self._is_ready = False

    def read(self, content: bytes, is_named: bool = False) -> "DealTable | RawTable":
        """Read a Parquet file: deals in the contract's columns, or the export of a CRM, which may be `is_named` so.

        Raises InvalidInputError as `read_parquet` and `read_export`, and ReaderError.
        """
        process, connection = self._ready()
        buffer = SharedBuffer.empty()
        buffer.replace([content])
        try:
            head = b"%d %b" % (len(buffer), NAMED if is_named else UNNAMED)
            socket.send_fds(connection, [head], [buffer.descriptor])
            in_time = bool(select.select([connection], [], [], PATIENCE_S)[0])
            result = connection.recv(100) if in_time else b""
        except OSError:
            in_time, result = True, b""
        if not result:
            raise self._lost(process, in_time)
        buffer.resize(int(result))
        return _table(msgspec.msgpack.decode(buffer.content(), type=Read))

    def close(self) -> None:
        """Stop the process."""
        process, connection, self._process, self._connection = self._process, self._connection, None, None
        if connection is not None:
            connection.close()
        if process is not None:
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _ready(self) -> "tuple[subprocess.Popen[bytes], socket.socket]":
        """The process, once it can read. Its start, which a busy machine stretches, is not the file's fault."""
        process, connection = self._running()
        if not self._is_ready:
            in_time = bool(select.select([connection], [], [], START_S)[0])
            if not in_time or connection.recv(100) != READY:
                process.kill()
                self.close()
                problem = "it ended before it was ready" if in_time else f"it was not ready within {START_S:g} s"
                _LOG.error("parquet reader", extra={"problem": problem, "exit_code": process.returncode})
                raise ReaderError("the process that reads Parquet did not start: send the batch again")
            self._is_ready = True
        return process, connection

    def _running(self) -> "tuple[subprocess.Popen[bytes], socket.socket]":
        process, connection = self._process, self._connection
        if process is None or connection is None or process.poll() is not None:
            self.close()
            connection, theirs = ends()
            with theirs:
                process = subprocess.Popen(
                    [sys.executable, "-m", "services.api.batch.parquet_worker", str(theirs.fileno()), str(os.getpid())],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,  # Arrow's last words are not logged; the signal is
                )
            self._process, self._connection, self._is_ready = process, connection, False
        return process, connection

    def _lost(self, process: "subprocess.Popen[bytes]", in_time: bool) -> Exception:
        """The error that refuses the file, or ReaderError; starts another process."""
        if not in_time:
            process.kill()
        status = process.wait()
        self.close()
        self._running()
        if not in_time:  # it had the time, but not the processor or the disk
            _LOG.error("parquet reader", extra={"problem": f"no answer within {PATIENCE_S:g} s"})
            return ReaderError(
                f"the process that reads Parquet did not answer within {PATIENCE_S:g} s: send the batch again"
            )
        ended = signal.Signals(-status).name if status < 0 else f"status {status}"
        _LOG.warning("parquet reader", extra={"problem": f"it ended with {ended}"})
        if status == -signal.SIGKILL:  # the system is short of memory
            return ReaderError("the process that reads Parquet was ended by the system: send the batch again")
        is_long = status == -signal.SIGPROF
        how = f"was not read within {FILE_CPU_S} s of processor time" if is_long else "ended the process that read it"
        return InvalidInputError("body", None, "a Parquet file", f"the file is damaged: it {how}; write it anew")


def _table(read: Read) -> "DealTable | RawTable":
    if read.problem is not None:
        found = read.problem
        raise InvalidInputError(found.field, found.value, found.expected, found.detail)
    # A file may corrupt the reader without crashing it.
    if not 0 < read.count <= MOST_DEALS or len(read.positions) != 4 * len(read.distinct) * read.count:
        raise _damaged()
    of_columns = np.frombuffer(read.positions, np.int32).reshape(len(read.distinct), read.count)
    sizes = [len(distinct) for distinct in read.distinct.values()]
    if (of_columns.min(axis=1) < -1).any() or (of_columns.max(axis=1) >= sizes).any():
        raise _damaged()
    columns = dict(zip(read.distinct, map(Column, of_columns.astype(np.int64), read.distinct.values()), strict=True))
    return _export(columns, read.count) if read.is_export else DealTable(_identifiers(read), columns)


def _identifiers(read: Read) -> pa.StringArray:
    valid, begins, content = (None if one is None else pa.py_buffer(one) for one in read.identifiers)
    try:
        texts = pa.StringArray.from_buffers(read.count, begins, content, valid)
        texts.validate(full=True)
    except pa.ArrowException as error:
        raise _damaged() from error
    return texts


def _damaged() -> InvalidInputError:
    detail = "the file is damaged: its columns do not fit; write it anew"
    return InvalidInputError("body", None, "a Parquet file", detail)


def _export(columns: dict[str, Column], count: int) -> "RawTable":
    import pandas as pd  # here, because few files need it

    from closecast.deals.reading.table import Layout, RawTable

    texts = {name: np.array(column.values(), dtype=object) for name, column in columns.items()}
    return RawTable(pd.DataFrame(texts, index=pd.RangeIndex(1, count + 1), dtype=object), Layout("Parquet", 0))
