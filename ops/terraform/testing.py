"""Run the modules' own tests (`terraform test`), two modules at a time."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ops.errors import OperatorError
from ops.terraform import program

_AT_A_TIME = 2


@dataclass(frozen=True)
class Tested:
    """How the tests of one module ended."""

    module: str
    passed: bool
    summary: str
    printed: str
    seconds: float


def test(module: str | None) -> int:
    """Run the tests of `module`, or of all; prints a line for each, and what a failed one printed."""
    known = program.modules()
    if module is not None and module not in known:
        raise OperatorError(f"there is no module {module!r}", f"name one of {', '.join(known)}")
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        done = list(pool.map(_tested, [module] if module else known))
    for one in done:
        print(f"{'✓' if one.passed else '✗'} {one.module:16} {one.summary} ({one.seconds:.0f} s)")
    for one in done:
        if not one.passed:
            print(f"\n── {one.module} ──\n{one.printed.rstrip()}")
    return 0 if all(one.passed for one in done) else 1


def _tested(module: str) -> Tested:
    begin, folder = time.monotonic(), program.MODULES / module
    program.initialise(folder, "-backend=false")
    done = program.run(folder, "test", "-no-color", capture=True)
    printed = done.stdout + done.stderr
    lines = [line for line in printed.splitlines() if "passed," in line]
    summary = lines[-1] if lines else "it printed no summary"
    # A module without a test passes none.
    passed = done.returncode == 0 and "Success! 0 passed" not in summary
    return Tested(module, passed, summary, printed, time.monotonic() - begin)
