"""The process that reads Parquet: a file that ends or keeps it is refused, the next is read, and nothing of it is left."""

import io
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from closecast.scoring.columns import DealTable
from services.api.batch import parquet_supervisor
from services.api.batch.parquet_supervisor import ParquetSupervisor, ReaderError
from services.api.problems import InvalidInputError
from tests.servers.processes import PROJECT
from tests.waiting import until


@pytest.fixture
def reader() -> Iterator[ParquetSupervisor]:
    made = ParquetSupervisor()
    yield made
    made.close()


def _content(rows: int = 3) -> bytes:
    target = io.BytesIO()
    pq.write_table(pa.table({"engage_date": ["2017-12-01"] * rows, "account": ["a", None, "b"] * (rows // 3)}), target)
    return target.getvalue()


def _read(reader: ParquetSupervisor, content: bytes) -> DealTable:
    table = reader.read(content)
    assert isinstance(table, DealTable)
    return table


def _child() -> psutil.Process:
    (found,) = [one for one in psutil.Process().children() if "services.api.batch.parquet_worker" in one.cmdline()]
    return found


def _at_next_read(number: int) -> threading.Thread:
    """Send the reader a signal as soon as it has been stopped and asked."""

    child = _child()

    def strike() -> None:
        time.sleep(0.3)  # noqa: TID251 - the reader is asked by then, and stopped as it is cannot tell
        child.send_signal(number)
        if number != signal.SIGKILL:
            child.resume()

    thread = threading.Thread(target=strike)
    child.suspend()
    thread.start()
    return thread


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS])
def test_a_file_that_ends_the_reader_is_refused_and_the_next_is_read(reader: ParquetSupervisor, number: int) -> None:
    # given
    assert len(_read(reader, _content())) == 3
    first, thread = _child().pid, _at_next_read(number)
    # when
    with pytest.raises(InvalidInputError, match="ended the process that read it"):
        _read(reader, _content())
    thread.join()
    # then
    table = _read(reader, _content())
    assert table.columns["account"].values() == ["a", None, "b"]
    assert _child().pid != first
    assert not psutil.pid_exists(first)


def test_the_systems_own_kill_is_not_the_files_fault(reader: ParquetSupervisor) -> None:
    _read(reader, _content())
    thread = _at_next_read(signal.SIGKILL)
    with pytest.raises(ReaderError, match="send the batch again"):
        _read(reader, _content())
    thread.join()


def test_a_reader_that_gets_no_processor_is_not_the_files_fault(
    reader: ParquetSupervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    _read(reader, _content())
    monkeypatch.setattr(parquet_supervisor, "PATIENCE_S", 0.2)
    _child().suspend()
    # when / then
    with pytest.raises(ReaderError, match=r"did not answer within 0\.2 s: send the batch again"):
        _read(reader, _content())
    monkeypatch.undo()
    assert len(_read(reader, _content())) == 3


def test_a_file_that_keeps_the_processor_is_refused(
    reader: ParquetSupervisor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # given a reader that never ends with an empty file, and takes half a second for another
    code = tmp_path / "reader.py"
    code.write_text(
        "import itertools, time\n"
        "from services.api.batch import parquet_worker\n"
        "read, parquet_worker.FILE_CPU_S = parquet_worker.read, 1\n"
        "def slow_read(content, is_named):\n"
        "    ended = time.process_time() + (0.5 if content else float('inf'))\n"
        "    all(time.process_time() < ended for _ in itertools.count())\n"
        "    return read(content, is_named)\n"
        "parquet_worker.read = slow_read\n"
        "parquet_worker.main()\n"
    )
    slow = tmp_path / "python"
    slow.write_text(f'#!/bin/sh\nshift 2\nexec {sys.executable} {code} "$@"\n')
    slow.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(slow))
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    # when / then
    with pytest.raises(InvalidInputError, match=r"was not read within 20 s of processor time; write it anew"):
        _read(reader, b"")
    # and each of many files has the whole time
    assert [len(_read(reader, _content())) for _ in range(8)] == [3] * 8


def test_a_slow_start_of_the_reader_is_not_the_files_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # given a process that takes longer to start than a file may take
    slow = tmp_path / "python"
    slow.write_text(f'#!/bin/sh\nsleep 4\nexec {sys.executable} "$@"\n')
    slow.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(slow))
    monkeypatch.setattr(parquet_supervisor, "PATIENCE_S", 3.0)
    reader = ParquetSupervisor()
    # when / then
    try:
        assert len(_read(reader, _content())) == 3
    finally:
        reader.close()
    # and one that does not start at all is told as that
    monkeypatch.setattr(parquet_supervisor, "START_S", 0.0)
    with pytest.raises(ReaderError, match="did not start: send the batch again"):
        _read(reader, _content())


@pytest.mark.parametrize(
    "sent",
    [
        "p.Read(None, 1, (None, b'', b'a'))",  # too short
        "p.Read(None, 1, (None, bytes([0, 0, 0, 0, 255, 0, 0, 0]), b'a'))",  # beyond the text
        "p.Read(None, 1, (None, bytes([0, 0, 0, 0, 1, 0, 0, 0]), bytes([255])))",  # not UTF-8
        "p.Read(None, 1, (None, bytes(8), b''), {'account': ['a']}, bytes(8))",  # more rows than identifiers
        "p.Read(None, 1, (None, bytes(8), b''), {'account': ['a']}, bytes(3))",  # half a number
        "p.Read(None, 1, (None, bytes(8), b''), {'account': ['a']}, bytes([1, 0, 0, 0]))",  # beyond the values
        "p.Read(None, 10_001, (None, bytes(40_008), b''))",
        "p.Read(None, 0)",
    ],
)
def test_what_a_corrupted_reader_sends_is_refused(
    reader: ParquetSupervisor, sent: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # given
    code = f"import services.api.batch.parquet_worker as p; p.read = lambda *_: {sent}; p.main()"
    corrupted = tmp_path / "python"
    corrupted.write_text(f'#!/bin/sh\nshift 2\nexec {sys.executable} -c "{code}" "$@"\n')
    corrupted.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(corrupted))
    # when / then
    with pytest.raises(InvalidInputError, match="its columns do not fit"):
        reader.read(_content())


def test_the_reader_ends_with_its_worker() -> None:
    # given
    command = (
        "import sys\nfrom services.api.batch.parquet_supervisor import ParquetSupervisor\nreader = ParquetSupervisor()\n"
        "print(len(reader.read(sys.stdin.buffer.read(int(sys.argv[1])))), flush=True)\nsys.stdin.read()"
    )
    content = _content()
    with psutil.Popen(
        [sys.executable, "-c", command, str(len(content))], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as worker:
        worker.stdin.write(content)
        worker.stdin.flush()
        assert worker.stdout.readline() == b"3\n"
        (pid,) = [one.pid for one in worker.children()]
        # when
        worker.kill()
    # then
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def test_the_reader_starts_without_what_only_a_model_needs() -> None:
    # It starts anew after each file that ended it, and a stranger's file waits for it.
    code = "import sys, services.api.batch.parquet_worker; print(sorted({'pandas', 'lightgbm', 'sklearn'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
