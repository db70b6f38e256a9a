"""The process as Nomad starts it: healthy also while the API is away."""

import os
import subprocess
import sys

import httpx
import pytest

from closecast.platform.nomad.discovery import wait_for
from tests.servers.processes import PROJECT, free_port

pytestmark = pytest.mark.integration


def test_it_is_healthy_without_an_api() -> None:
    # given
    port = free_port()
    environment = {
        **os.environ,
        "CLOSECAST_HOST": "127.0.0.1",
        "CLOSECAST_PORT": str(port),
        "CLOSECAST_API_URL": "http://127.0.0.1:1",
        "PYTHONPATH": str(PROJECT),
    }
    # when
    process = subprocess.Popen([sys.executable, "-m", "services.ui"], env=environment)
    try:
        wait_for(f"tcp://127.0.0.1:{port}", seconds=60)
        health = httpx.get(f"http://127.0.0.1:{port}/_stcore/health", trust_env=False, timeout=30)
    finally:
        process.terminate()
        process.wait(30)
    # then
    assert (health.status_code, health.text) == (200, "ok")
