"""The page of results: what ran, when, and what has not run as it is now."""

from datetime import date
from pathlib import Path

import pytest

from ops.acceptance import requirements, results
from ops.acceptance.requirements import Requirement
from ops.acceptance.results import Result
from ops.errors import OperatorError

ROWS = (
    Requirement("data", "one", "A|B is so", just=("check", "synthetic")),
    Requirement("go-live", "two", "So is this", tests=("tests/e2e/test_use.py",), mark="e2e", needs="platform"),
    Requirement("go-live", "three", "And this", tests=("tests/security",)),
)
RESULTS = {
    "data/one": Result("just check synthetic", "passed", "quality 0.9", date(2026, 11, 30), "abc", 1_234.4),
    "go-live/two": Result("pytest -m e2e tests/e2e", "passed", "3 passed", date(2026, 11, 30), "abc", 2.0),
    "go-live/three": Result("pytest tests/security", "failed", "exit status 1", date(2026, 11, 29), "abc", 2.0),
}


def test_a_row_says_what_it_printed_and_when() -> None:
    lines = results.page(ROWS, RESULTS).splitlines()
    assert "3 requirements: 1 passed, 1 failed, 1 not run yet." in lines
    assert (
        "| A\\|B is so | `just check synthetic` | not needed | passed: quality 0.9 | 2026-11-30 | abc | 1,234 |"
        in lines
    )
    assert "| And this | `pytest tests/security` | not needed | failed: exit status 1 | 2026-11-29 | abc | 2 |" in lines


def test_a_result_of_another_command_no_longer_stands() -> None:
    lines = results.page(ROWS, RESULTS).splitlines()
    assert "| So is this | `pytest -m e2e tests/e2e/test_use.py` | up | not run yet |  |  |  |" in lines


def test_results_are_kept_and_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "FILE", tmp_path / "acceptance.json")
    monkeypatch.setattr(results, "PAGE", tmp_path / "acceptance.md")
    assert results.read() == {}
    results.write(ROWS, RESULTS)
    assert results.read() == {name: one for name, one in RESULTS.items() if name != "go-live/two"}
    assert (tmp_path / "acceptance.md").read_text() == results.page(ROWS, RESULTS)
    (tmp_path / "acceptance.json").write_text("[1]")
    with pytest.raises(OperatorError, match=r"acceptance\.json cannot be read"):
        results.read()


def test_our_own_page_is_what_its_requirements_and_results_give() -> None:
    assert results.PAGE.read_text() == results.page(requirements.load(), results.read())
