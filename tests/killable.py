"""Real servers of one test, to be killed with kill -9 and started again on the same folder and port."""

import os
import secrets
import signal
import sys
from contextlib import ExitStack
from pathlib import Path

import psutil
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from closecast.platform.database import migrate
from tests.servers.databases import until_postgres_accepts
from tests.servers.processes import free_port, running
from tests.waiting import until


class Killable:
    """A process made by `command`; `ready` answers once it serves. Nothing runs before `start`."""

    def __init__(
        self,
        module: str,
        environment: dict[str, str],
        folder: Path,
        ready: str = "tcp://127.0.0.1:{port}",
        arguments: tuple[str, ...] = (),
    ) -> None:
        self.port = free_port()
        self.folder = folder
        self.folder.mkdir(parents=True)
        self.folder.chmod(0o755)
        self._command = [sys.executable, "-m", module, *arguments]
        self._environment = {"CLOSECAST_HOST": "127.0.0.1", "CLOSECAST_PORT": str(self.port), **environment}
        self._ready = ready.format(port=self.port)
        self._life = ExitStack()
        self.pid = 0

    def start(self) -> None:
        self.pid = self._life.enter_context(running(self._command, self._environment, self._ready, self.folder))

    def kill(self) -> None:
        """kill -9 of it and its children, which PostgreSQL's leave their parent's process group."""
        process = psutil.Process(self.pid)
        family = [process, *process.children(recursive=True)]
        for one in family:
            try:
                os.kill(one.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        psutil.wait_procs(family[1:], timeout=20)
        self.stop()

    def stop(self) -> None:
        """End it as Nomad does."""
        self._life.close()

    @property
    def log(self) -> str:
        return (self.folder / "server.log").read_text(errors="replace")


class Cache(Killable):
    def __init__(self, folder: Path) -> None:
        self.password = secrets.token_hex(8)
        state = {"CLOSECAST_CACHE_FOLDER": str(folder / "state"), "CACHE_PASSWORD": self.password}
        super().__init__("services.cache", state, folder)
        self.url = f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Returns when what the last life wrote is in memory again."""
        super().start()
        with self.client() as client:
            until(lambda: _is_loaded(client))

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url, protocol=2, socket_timeout=10, retry=Retry(NoBackoff(), 0))


def _is_loaded(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.BusyLoadingError:
        return False


class Database(Killable):
    def __init__(self, folder: Path) -> None:
        password = secrets.token_hex(8)
        roles = ("SUPERUSER", "MLFLOW", "PREFECT", "OPTUNA", "CLOSECAST", "PROMOTER")
        passwords = {f"POSTGRES_{role}_PASSWORD": password for role in roles}
        super().__init__("services.postgres", {"CLOSECAST_POSTGRES_FOLDER": str(folder / "state"), **passwords}, folder)
        self.url = f"postgresql://closecast:{password}@127.0.0.1:{self.port}/closecast"

    def start(self) -> None:
        super().start()
        until_postgres_accepts(self.url)
        migrate(self.url)

    def stop(self) -> None:
        """Fast: to SIGTERM alone it would wait for its clients."""
        if psutil.pid_exists(self.pid):
            os.kill(self.pid, signal.SIGINT)
        super().stop()
