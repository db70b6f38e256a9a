"""How the tests are spread over processes (pytest-xdist with --dist loadgroup).

A group's tests run one after the other in one process. A file is a group, so that a new one needs nothing said of it; tests
of the servers that take long to start are one group a server, whatever their file, so that each is started once; and so are
those that start a Nomad, for two on one machine may choose the same port for a task. A test that says
`@pytest.mark.xdist_group` itself is left where it says.
"""

import os

import pytest

# Fixtures that take long to make, each once in a process; a test that asks for several goes with the first.
_ONCE = ("mlflow_uri", "prefect_api", "s3", "real", "anonymous")
_NOMAD = ("tests/integration/ops/nomad/", "tests/integration/ops/prefect/")
_FLOWS = "tests/integration/flows/"
_MOST = 6  # processes: each may have servers of its own


@pytest.hookimpl(tryfirst=True)  # before xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(_group(item)))
    # What takes longest begins first: what asks for more time than the rest, then what waits for servers.
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: [item.get_closest_marker(name) is None for name in ("timeout", "integration")])


def _group(item: pytest.Item) -> str:
    if item.nodeid.startswith(_NOMAD):
        return "nomad"
    needed = getattr(item, "fixturenames", ())
    found = next((name for name in _ONCE if name in needed), item.nodeid.partition("::")[0])
    # The flows' tests with an MLflow take as long as all others with one: a second MLflow is the shorter wait.
    return "flows" if found == "mlflow_uri" and item.nodeid.startswith(_FLOWS) else found


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """With -n auto two a core, since what takes longest waits for servers most of its time; with -n logical one."""
    each = 1 if config.option.numprocesses == "logical" else 2
    return min(each * (os.cpu_count() or 1), _MOST)
