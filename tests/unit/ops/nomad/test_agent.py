"""The local agent is told from any other program."""

import sys
from pathlib import Path

import psutil
import pytest

from ops.errors import OperatorError
from ops.nomad import ports
from ops.nomad.agent import Agent


def test_an_agent_that_is_not_ours_is_told_from_any_program(tmp_path: Path) -> None:
    # given a process that looks like a Nomad agent
    script = tmp_path / "nomad"
    script.write_text(
        "import socket, time\ns = socket.socket()\ns.bind(('127.0.0.1', 0))\ns.listen()\n"
        "print(s.getsockname()[1], flush=True)\ntime.sleep(60)\n"
    )
    process = psutil.Popen([sys.executable, "nomad", "agent", "-dev"], stdout=-1, text=True, cwd=tmp_path)
    try:
        port = int(process.stdout.readline())
        with pytest.raises(OperatorError, match="a Nomad agent that is not this project's"):
            ports.require_free(Agent(Path("/nowhere"), port))
    finally:
        process.kill()
        process.wait()
