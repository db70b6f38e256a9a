"""Servers as processes of a test: their ports, their folders, and their end."""

import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from closecast.platform.nomad.discovery import wait_for

PROJECT = Path(__file__).resolve().parents[2]
_PORTS = range(10_000, 20_000)  # below what systems give out by themselves, and below Nomad's
# None of these may leak into a server under test: they point elsewhere, or name certificates it does not need.
_DROPPED = (
    "AWS_CA_BUNDLE",
    "PREFECT_API_URL",
    "MLFLOW_TRACKING_URI",
    "MLFLOW_TRACKING_USERNAME",
    "MLFLOW_TRACKING_PASSWORD",
    "COVERAGE_PROCESS_START",
)


def free_port() -> int:
    """A loopback port nobody listens on now.

    Not one that the system gives out by itself: until a server is up that was told of it, any connection could get it.
    """
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def free_ports(count: int) -> int:
    """The first of `count` neighbouring loopback ports that nobody listens on now, below those that systems hand out."""
    while True:
        first = random.randrange(10_000, 20_000)
        with ExitStack() as probes:
            try:
                for port in range(first, first + count):
                    probes.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return first


def refuse_in_unit_tests() -> None:
    """Fail the unit test that is running, if one is: it would start a server."""
    if os.environ.get("PYTEST_CURRENT_TEST", "").startswith("tests/unit/"):
        pytest.fail("unit tests start no server: this test belongs into tests/integration")


@contextmanager
def running(command: list[str], environment: dict[str, str], ready: str, folder: Path) -> Iterator[int]:
    """The pid of `command`, run in a session of its own in `folder` once `ready` answers; ended on the way out."""
    refuse_in_unit_tests()
    inherited = {name: value for name, value in os.environ.items() if name not in _DROPPED}
    path = os.pathsep.join(filter(None, [str(PROJECT), inherited.get("PYTHONPATH")]))
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**inherited, "PYTHONPATH": path, "NO_PROXY": "127.0.0.1,localhost", **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_for(ready, seconds=120)
        if process.poll() is not None:
            pytest.fail(f"{command} ended with {process.returncode}:\n{log.read_text()[-3000:]}")
        yield process.pid
    except Exception as error:
        error.add_note(f"the end of {log}:\n{log.read_text(errors='replace')[-3000:]}")
        raise
    finally:
        _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """The whole process group: some of these servers start workers."""
    for step in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, step)
            process.wait(timeout=10)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A folder that an unprivileged account can traverse: as root, PostgreSQL runs as one."""
    folder = Path(tempfile.mkdtemp(prefix="closecast-servers-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def made_folder(parent: Path, name: str) -> Path:
    """A new folder `name` below `parent`."""
    folder = parent / name
    folder.mkdir()
    return folder
