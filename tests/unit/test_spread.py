"""A test's group reaches whoever spreads the tests over processes: else the servers of one file are started in each."""

import os

import pytest


def test_a_file_is_a_group_and_the_scheduler_reads_it(request: pytest.FixtureRequest) -> None:
    group = "tests/unit/test_spread.py"
    mark = request.node.get_closest_marker("xdist_group")
    assert mark is not None
    assert mark.args == (group,)
    assert request.node.nodeid.endswith(f"@{group}") == ("PYTEST_XDIST_WORKER" in os.environ)
