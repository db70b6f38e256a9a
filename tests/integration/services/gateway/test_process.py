"""The gateway's own processes: their port, their certificates, and how they end and come back."""

import os
import signal
import socket
import subprocess
import sys

import psutil
import pytest

from tests.integration.services.gateway.conftest import Gateway
from tests.servers.processes import PROJECT

pytestmark = pytest.mark.integration


def test_caddy_does_not_outlive_what_follows_the_upstreams(gateway: Gateway) -> None:
    with gateway.served() as pid:
        (caddy,) = psutil.Process(pid).children()
        os.kill(pid, signal.SIGKILL)
        psutil.wait_procs([caddy], timeout=20)
        assert not caddy.is_running()
    # nor the other way round
    with gateway.served() as pid:
        (caddy,) = psutil.Process(pid).children()
        caddy.kill()
        assert psutil.Process(pid).wait(timeout=20) == 128 + signal.SIGKILL


def test_a_port_that_is_taken_is_named(gateway: Gateway) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", gateway.port))
        taken.listen()
        command = [sys.executable, "-m", "services.gateway"]
        environment = {**os.environ, "PYTHONPATH": str(PROJECT), **gateway.environment}
        done = subprocess.run(command, env=environment, cwd=gateway.folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        1,
        f"gateway: the gateway cannot listen on 127.0.0.1:{gateway.port}: Address already in use\n",
    )


def test_it_comes_back_after_a_kill_with_the_authority_it_had(gateway: Gateway) -> None:
    with gateway.served() as pid:
        root = gateway.root.read_bytes()
        os.kill(pid, signal.SIGKILL)
        psutil.Process(pid).wait(timeout=20)
    with gateway.served():
        assert gateway.root.read_bytes() == root
        gateway.reload()
    assert oct((gateway.folder / "state").stat().st_mode & 0o777) == "0o700"


def test_caddy_deletes_no_folder_of_a_certificate_that_it_is_writing(gateway: Gateway) -> None:
    with gateway.served():
        obtained = [one.parent.name for one in (gateway.folder / "state" / "certificates").rglob("*.crt")]
        assert sorted(obtained) == ["127.0.0.1", "localhost"]
        # Where it cleans, it does so while it obtains them, and leaves this note.
        assert not (gateway.folder / "state" / "last_clean.json").exists(), gateway.log()
