"""Servers that a command starts for itself and throws away with all they hold."""

import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from closecast.platform.nomad.discovery import wait_for


def free_port() -> int:
    """A loopback port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str], environment: Mapping[str, str], log: Path, health: str, seconds: float
) -> Iterator[None]:
    """Run a server that answers at the address `health` within `seconds`, until the end of the block.

    Its output goes to `log`.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True)
    try:
        wait_for(health, seconds)
        yield
    finally:
        process.kill()
        process.wait(10)
