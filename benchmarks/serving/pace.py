"""Measure the speed of a core over time: repeat a small piece of work beside other load.

When other machines share the processor, a core loses and regains a third of its speed within a second, which no counter
of this machine shows. A server's latencies at 80 % of its saturation then depend on that more than on the server.
"""

import os
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks.serving import process
from benchmarks.serving.process import Process
from ops.errors import OperatorError

_EVERY_S = 0.01
_WINDOW_S = 0.1
_SAMPLE = struct.Struct("=dd")  # when, on the monotonic clock, and how long it took; seconds


class Pace:
    """The measurements of the background process so far. Raises OperatorError when there are none."""

    def __init__(self, running: Process, file: Path) -> None:
        self._running, self._file = running, file

    def typical(self, begin: float, end: float) -> float:
        """The median time of the work between two times of the monotonic clock, in seconds."""
        return median(took for _, took in self._between(begin, end))

    def worst(self, begin: float, end: float) -> float:
        """The median time of the work in the slowest tenth of a second between two times, in seconds."""
        windows: dict[int, list[float]] = {}
        for at, took in self._between(begin, end):
            windows.setdefault(int((at - begin) / _WINDOW_S), []).append(took)
        return max(map(median, windows.values()))

    def _between(self, begin: float, end: float) -> list[tuple[float, float]]:
        content = self._file.read_bytes()
        whole = content[: len(content) // _SAMPLE.size * _SAMPLE.size]
        found = [(at, took) for at, took in _SAMPLE.iter_unpack(whole) if begin <= at < end]
        if not found:
            raise OperatorError(f"the core's pace was not measured: {self._running.tail()}", "mend the benchmark")
        return found


@contextmanager
def watched(core: int, folder: Path) -> Iterator[Pace]:
    """Measure `core` inside the block, which takes about one hundredth of it."""
    file = folder / "pace.bin"
    file.write_bytes(b"")
    running = process.start(
        [sys.executable, "-m", "benchmarks.serving.pace", file], {}, folder / "pace.log", [core], at_once=True
    )
    try:
        yield Pace(running, file)
    finally:
        running.end()


def _work() -> int:
    """Typical work of an interpreter: texts, numbers, look-ups."""
    seen = {}
    for number in range(300):
        seen[str(number)] = number
    return sum(seen.values())


def _measure(file: Path) -> None:
    parent = os.getppid()
    due = time.monotonic()
    with file.open("ab", buffering=0) as out:
        while os.getppid() == parent:
            begin = time.perf_counter()
            _work()
            took = time.perf_counter() - begin
            out.write(_SAMPLE.pack(time.monotonic(), took))
            now = time.monotonic()
            due = max(due + _EVERY_S, now)
            time.sleep(due - now)


if __name__ == "__main__":
    _measure(Path(sys.argv[1]))
