"""The end of a real process of the service: it says so first, and answers what comes until nobody sends it anything."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from closecast.models.deal_model import DealModel
from closecast.platform.settings import SettingsError
from services.api.settings import Settings
from tests.load import DEAL
from tests.servers.processes import PROJECT, free_port
from tests.unit.services.api.conftest import KEY, environment, keep
from tests.waiting import until

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGTERM]])
def test_an_instance_that_is_to_stop_is_not_ready_and_answers(
    served_model: DealModel, tmp_path: Path, signals: list[signal.Signals]
) -> None:
    # given
    keep(served_model, tmp_path)
    port = free_port()
    settings = {
        **environment(tmp_path),
        "CLOSECAST_HOST": "127.0.0.1",
        "CLOSECAST_PORT": str(port),
        "CLOSECAST_DRAIN_SECONDS": "4",
    }
    log = tmp_path / "api.log"
    with log.open("w") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.api"], cwd=PROJECT, env={**os.environ, **settings}, stderr=written
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"X-API-Key": KEY}, timeout=30) as client:
            until(lambda: _status(client) == 200, 120)
            # when
            for one in signals:
                process.send_signal(one)
            # then who asks is told to send nothing more, and what is sent all the same is answered
            until(lambda: _status(client) == 503, 120)
            assert client.get("/health/ready").json()["reason"] == "this instance is about to stop"
            assert client.get("/health/live").status_code == 200
            assert client.post("/v1/predictions", json=DEAL).status_code == 200
        process.wait(60)
        # and its log tells of no failure
        assert "Traceback" not in log.read_text()
    finally:
        process.kill()
        process.wait()


def test_one_that_is_told_twice_stops_at_once(served_model: DealModel, tmp_path: Path) -> None:
    keep(served_model, tmp_path)
    port = free_port()
    settings = {
        **environment(tmp_path),
        "CLOSECAST_HOST": "127.0.0.1",
        "CLOSECAST_PORT": str(port),
        "CLOSECAST_DRAIN_SECONDS": "600",
    }
    process = subprocess.Popen([sys.executable, "-m", "services.api"], cwd=PROJECT, env={**os.environ, **settings})
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            until(lambda: _status(client) == 200, 120)
            process.send_signal(signal.SIGINT)
            until(lambda: _status(client) == 503, 120)
        process.send_signal(signal.SIGINT)
        process.wait(60)
    finally:
        process.kill()
        process.wait()


def test_a_time_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="CLOSECAST_DRAIN_SECONDS is 'long'; expected a number of seconds"):
        Settings.from_environment({**environment(tmp_path), "CLOSECAST_DRAIN_SECONDS": "long"})


def _status(client: httpx.Client) -> int:
    try:
        return client.get("/health/ready").status_code
    except httpx.ConnectError:
        return 0
