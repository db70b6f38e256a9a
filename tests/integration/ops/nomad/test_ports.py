"""A port that is taken is named with who holds it."""

import os
import socket
from pathlib import Path

import pytest

from ops.errors import OperatorError
from ops.nomad import ports
from ops.nomad.agent import Agent


def test_who_holds_a_port_is_named() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = held.getsockname()[1]
        assert not ports.is_free(port)
        assert f"process {os.getpid()} " in ports.holder(port)
        with pytest.raises(OperatorError, match=rf"port taken: process {os.getpid()} .* holds port {port}"):
            ports.require_free(Agent(Path("/nowhere"), port))
    assert ports.is_free(port)
    assert ports.holder(port) == "a process that this user may not see"
