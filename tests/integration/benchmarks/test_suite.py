"""The measure of the suite itself: what it counts, and that nothing of it is left."""

from pathlib import Path

import psutil
import pytest

from benchmarks.suite import counts, main, neighbours, run
from ops.errors import OperatorError

pytestmark = pytest.mark.integration


def test_it_counts_what_pytest_said_last() -> None:
    printed = "tests/a.py::test_1 failed and 3 passed on\nTOTAL 1 2 3\n=== 1 failed, 1367 passed, 25 skipped, 2 errors in 9 s ==="
    assert counts(printed) == {"failed": 1, "passed": 1367, "skipped": 25, "errors": 2}
    assert counts("no tests were asked for") == {}


def test_neighbours_end_with_the_run() -> None:
    before = set(psutil.Process().children())
    with neighbours(2, 60):
        made = set(psutil.Process().children()) - before
        assert len(made) == 2
    assert not [one for one in made if one.is_running()]


@pytest.mark.parametrize(
    ("arguments", "seconds", "succeeds"),
    [(["--version"], 120.0, True), (["--no-such"], 120.0, False), ([], 0.1, False)],
)
def test_a_run_tells_how_it_ended(tmp_path: Path, arguments: list[str], seconds: float, succeeds: bool) -> None:
    done = run(arguments, 1, seconds, tmp_path / "log")
    assert (done.status == 0) == succeeds, done.log.read_text()
    assert done.line.startswith("passed" if succeeds else "FAILED")
    assert (seconds > 1) == ("pytest" in done.log.read_text())


def test_an_argument_that_is_none_is_refused() -> None:
    with pytest.raises(OperatorError, match="'rounds=3' is not an argument of this measure"):
        main(["rounds=3"])
