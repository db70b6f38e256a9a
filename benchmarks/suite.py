"""Run `just test` repeatedly, beside busy processes.

`just bench suite [runs=5] [beside=<cores>] [minutes=40] [-- <pytest arguments>]`.

`beside` is the number of busy processes, by default one per core; 0 measures the suite alone. They end with the run, at
the latest after `minutes`, and so does the run. One line per run says how it ended, how many tests passed, failed and
were skipped, and how long it took; the command fails if any run did. The output of a run stays in a file, which is
named if it failed. Five runs or more of the whole suite write suite.md.
"""

import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from benchmarks import arguments
from benchmarks.children import end
from ops.paths import PROJECT

_PAGE = Path(__file__).with_name("suite.md")
_ENOUGH = 5
_TURN = "import sys, time\nend = time.monotonic() + float(sys.argv[1])\nwhile time.monotonic() < end: pass"
_COUNTED = re.compile(r"(\d+) (passed|failed|skipped|errors?)\b")


@dataclass(frozen=True)
class Run:
    """How one run of the suite ended."""

    status: int  # of `just test`; of a run that was ended because its time was over: negative
    counts: dict[str, int]  # by pytest's word
    seconds: float
    log: Path

    @property
    def line(self) -> str:
        summary = ", ".join(f"{number} {word}" for word, number in self.counts.items()) or "no summary"
        ended = "passed" if self.status == 0 else f"FAILED (status {self.status}; {self.log})"
        return f"{ended}: {summary}, {self.seconds:.0f} s"


@contextmanager
def neighbours(count: int, seconds: float) -> Iterator[None]:
    """Run `count` busy processes for at most `seconds`."""
    made = [subprocess.Popen([sys.executable, "-c", _TURN, str(seconds)]) for _ in range(count)]
    try:
        yield
    finally:
        for one in made:
            one.kill()
            one.wait()


def run(arguments: list[str], beside: int, seconds: float, log: Path) -> Run:
    """Run `just test` once with pytest's `arguments`; its output goes to `log`."""
    begin = time.monotonic()
    with neighbours(beside, seconds), log.open("wb") as output:
        command = [sys.executable, str(PROJECT / "just"), "test", *arguments]
        process = subprocess.Popen(command, cwd=PROJECT, stdout=output, stderr=output, start_new_session=True)
        try:
            status = process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            status = -signal.SIGTERM
        finally:
            end(process)
    return Run(status, counts(log.read_text(errors="replace")), time.monotonic() - begin, log)


def counts(printed: str) -> dict[str, int]:
    """The counts in pytest's summary line; empty without one."""
    for line in reversed(printed.splitlines()):
        if found := _COUNTED.findall(line):
            return {word: int(number) for number, word in found}
    return {}


def page(lines: Iterable[str]) -> str:
    """suite.md."""
    head = (
        "# The fast suite beside busy processes",
        "",
        f"Made by `just bench suite`: {platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"{date.today():%-d %B %Y}.",
        "",
        "| run | busy processes beside it | how it ended |",
        "|---:|---:|---|",
    )
    return "\n".join([*head, *lines, ""])


def main(given: list[str]) -> int:
    at = given.index("--") if "--" in given else len(given)
    wanted = arguments.read(
        given[:at],
        runs=arguments.whole(5, most=1_000),
        beside=arguments.whole(os.cpu_count() or 1, 0, most=1_000),
        minutes=arguments.whole(40, most=1_440),
    )
    folder = Path(tempfile.mkdtemp(prefix="closecast-suite-"))
    failed, lines = 0, []
    for number in range(1, wanted["runs"] + 1):
        done = run(given[at + 1 :], wanted["beside"], wanted["minutes"] * 60.0, folder / f"{number}.log")
        failed += done.status != 0
        lines.append(f"| {number} | {wanted['beside']} | {done.line} |")
        print(f"run {number} of {wanted['runs']} beside {wanted['beside']} busy processes {done.line}", flush=True)
    if wanted["runs"] >= _ENOUGH and at == len(given):
        _PAGE.write_text(page(lines))
    print(f"{wanted['runs'] - failed} of {wanted['runs']} runs passed; what they printed is in {folder}")
    return 1 if failed else 0


if __name__ == "__main__":
    arguments.run(main)
