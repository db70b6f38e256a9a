"""Word of a moved champion over a real Valkey: everybody hears it, and again once the cache is back."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from closecast.platform.mlflow.champion_events import ChampionEvents, ChampionEventsError
from tests.servers.processes import free_port, running
from tests.waiting import SOON, until

pytestmark = pytest.mark.integration


class Heard:
    """Counts calls."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


def test_everybody_hears_it(valkey_url: str) -> None:
    # given three instances, each told once that it listens
    heard = [Heard() for _ in range(3)]
    instances = [ChampionEvents(lambda: valkey_url, one) for one in heard]
    for instance in instances:
        instance.start()
    try:
        until(lambda: all(one.times == 1 for one in heard))
        # when
        instances[0].publish("4")
        # then
        until(lambda: all(one.times == 2 for one in heard), SOON)
    finally:
        for instance in instances:
            instance.stop()
    # and who was stopped hears no more
    instances[0].publish("5")
    time.sleep(0.2)  # noqa: TID251 - nothing comes, for so long
    assert [one.times for one in heard] == [2, 2, 2]


def test_a_cache_that_was_killed_is_found_again_and_what_was_missed_is_made_up_for(tmp_path: Path) -> None:
    # given
    port = free_port()
    environment = {
        "CLOSECAST_HOST": "127.0.0.1",
        "CLOSECAST_PORT": str(port),
        "CACHE_PASSWORD": "cache-secret",
        "CLOSECAST_CACHE_FOLDER": str(tmp_path / "state"),
    }
    command, ready = [sys.executable, "-m", "services.cache"], f"tcp://127.0.0.1:{port}"
    url, heard = f"redis://:cache-secret@127.0.0.1:{port}/0", Heard()
    events = ChampionEvents(lambda: url, heard)
    events.start()
    try:
        with pytest.raises(ChampionEventsError, match="other instances were not told"):
            events.publish("1")
        with running(command, environment, ready, tmp_path) as pid:
            until(lambda: heard.times == 1)
            # when
            os.kill(pid, signal.SIGKILL)
            psutil.Process(pid).wait(timeout=20)
        with running(command, environment, ready, tmp_path):
            # then it asks once more by itself, and hears again
            until(lambda: heard.times == 2)
            events.publish("2")
            until(lambda: heard.times == 3)
    finally:
        events.stop()


def test_without_a_cache_it_ends_all_the_same() -> None:
    events = ChampionEvents(lambda: None, Heard())
    events.start()
    begin = time.monotonic()
    events.stop()
    assert time.monotonic() - begin < 20
    assert "champion-events" not in {thread.name for thread in threading.enumerate()}
    with pytest.raises(ChampionEventsError, match="there is no cache"):
        events.publish("1")
