"""The real Valkey behind `python -m services.cache`."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.servers.processes import free_port, running

pytestmark = pytest.mark.integration

_PASSWORD = "cache-secret"


@dataclass(frozen=True)
class Cache:
    """A cache's folder and port; its server runs while `served`."""

    folder: Path
    port: int

    @contextmanager
    def served(self) -> Iterator[int]:
        """The server's pid."""
        environment = {
            "CLOSECAST_HOST": "127.0.0.1",
            "CLOSECAST_PORT": str(self.port),
            "CLOSECAST_CACHE_FOLDER": str(self.folder / "state"),
            "CACHE_PASSWORD": _PASSWORD,
        }
        command = [sys.executable, "-m", "services.cache"]
        with running(command, environment, f"tcp://127.0.0.1:{self.port}", self.folder) as pid:
            yield pid

    def client(self, password: str | None = _PASSWORD) -> redis.Redis:
        return redis.Redis(
            host="127.0.0.1", port=self.port, password=password, socket_timeout=20, retry=Retry(NoBackoff(), 0)
        )


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path, free_port())


def test_only_who_knows_the_password_is_served(cache: Cache) -> None:
    with cache.served() as pid:
        # when
        with cache.client() as known:
            known.set("job:1", b"\x00queued\xff")
            value = known.get("job:1")
        # then
        assert value == b"\x00queued\xff"
        with cache.client(password=None) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.get("job:1")
        with cache.client(password="guessed") as guesser, pytest.raises(redis.AuthenticationError):
            guesser.get("job:1")
        process = psutil.Process(pid)
        assert _PASSWORD not in " ".join([*process.cmdline(), *process.environ().values()])


def test_the_file_with_the_password_is_its_owners_alone(cache: Cache) -> None:
    with cache.served():
        # when
        configuration = cache.folder / "state" / "valkey.conf"
        # then
        assert _PASSWORD in configuration.read_text()
        assert configuration.stat().st_mode & 0o777 == 0o600
        assert configuration.parent.stat().st_mode & 0o777 == 0o700


def test_a_full_memory_refuses_the_write_and_drops_no_key(cache: Cache) -> None:
    with cache.served(), cache.client() as client:
        # given
        client.set("first", "kept")
        client.config_set("maxmemory", client.info("memory")["used_memory"] + 200_000)
        # when
        with pytest.raises(redis.OutOfMemoryError):
            for number in range(1000):
                client.set(f"filler:{number}", b"x" * 10_000)
        # then
        assert client.get("first") == b"kept"


def test_a_value_on_disk_survives_a_kill(cache: Cache) -> None:
    # given
    with cache.served() as pid:
        with cache.client() as client:
            client.hset("job:2", mapping={"state": "done", "rows": "8800"})
            client.set("expiring", "soon", ex=3600)
            synced = client.execute_command("WAITAOF", 1, 0, 20_000)
        # when
        os.kill(pid, signal.SIGKILL)
        psutil.Process(pid).wait(timeout=20)
    # then
    assert synced[0] == 1
    with cache.served() as successor, cache.client() as client:
        assert successor != pid
        assert client.hgetall("job:2") == {b"state": b"done", b"rows": b"8800"}
        assert 0 < client.ttl("expiring") <= 3600
