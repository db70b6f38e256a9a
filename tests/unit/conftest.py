"""Unit tests start no server, in another process or in their own."""

import socket
from collections.abc import Generator

import pytest

from tests.servers.processes import refuse_in_unit_tests

_listen = socket.socket.listen


def _refuse(self: socket.socket, *backlog: int) -> None:
    refuse_in_unit_tests()
    _listen(self, *backlog)  # of another suite in the same run, whose tests pass here too


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """Refuse to listen, to fixtures as well that tests share."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "listen", _refuse, raising=False)
        return (yield)
