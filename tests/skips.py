"""Skipped tests: `--no-skips`, as CI runs them, takes a test that was skipped for one that failed.

What a machine lacks is for the recipe to install. What depends on who runs the tests cannot be had in one run, and says so.
"""

from collections.abc import Generator
from typing import Any

import pytest

OF_ACCOUNT = "for want of the account:"  # how the reason of such a skip begins


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="take a skipped test for a failed one")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: "pytest.CallInfo[None]"
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    reason: Any = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
    is_skipped = report.skipped and call.excinfo and not hasattr(report, "wasxfail")
    if is_skipped and OF_ACCOUNT not in reason and item.config.getoption("no_skips"):
        report.outcome, report.longrepr = "failed", f"nothing may be skipped here, and this was: {reason}"
    return report
