"""The local Nomad agent: start, readiness and stop of its two processes, distinguished from other Nomad agents."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from ops import paths
from ops.errors import OperatorError
from ops.nomad import agent_configuration
from ops.setup.nomad_binary import Nomad

_LOG_LIMIT = 10_000_000  # bytes; a larger log is rotated at the next start, replacing the one rotated before


@dataclass(frozen=True)
class AgentRole:
    """One of the agent's two processes, identified by its configuration file."""

    name: str
    configuration: Path
    log: Path

    def process(self) -> psutil.Process | None:
        """The running process, whoever started it."""
        for process in psutil.process_iter(["cmdline"]):
            command = process.info["cmdline"] or []
            if "agent" in command and f"-config={self.configuration}" in command:
                return process
        return None

    def is_running(self) -> bool:
        return self.process() is not None

    def is_configured(self, wanted: str) -> bool:
        """Whether the configuration on disk is the wanted one."""
        return self.configuration.exists() and self.configuration.read_text() == wanted

    def start(self, nomad: Nomad, configuration: str) -> None:
        """Start in the background, in a new session so that Ctrl-C in `up` does not end it."""
        self.configuration.parent.mkdir(parents=True, exist_ok=True)
        self.configuration.write_text(configuration)
        if self.log.exists() and self.log.stat().st_size > _LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            subprocess.Popen(
                [str(nomad.path), "agent", f"-config={self.configuration}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=agent_configuration.environment(),
                start_new_session=True,
            )

    def stop(self, seconds: float = 20) -> None:
        """Interrupt it and wait for its end. Tasks go on; the next client takes them back."""
        process = self.process()
        if process is None:
            return
        process.send_signal(signal.SIGINT)
        if not _ended(process, seconds):
            process.kill()
            _ended(process, 5)

    def failure(self) -> OperatorError:
        """The error for a process that did not come up, with the last error in its log."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        complaints = [line for line in lines if "[ERROR]" in line or line.startswith("==> ")]
        complaint = complaints[-1].removeprefix("==> ").strip() if complaints else "it wrote no error"
        return OperatorError(
            f"the Nomad agent did not come up: its {self.name}: {complaint}",
            f"read {self.log}, then run `just up` again",
        )


@dataclass(frozen=True)
class Agent:
    """The agent that belongs to one state folder: a server, which schedules, and a client, which runs the tasks.

    A client reconnects to a restarted server and keeps its tasks. A restarted client takes them back, provided
    that the server can check their tokens by then, so it is started after the server's keyring is there.
    """

    folder: Path
    port: int

    @classmethod
    def of_state(cls) -> "Agent":
        """The agent of this clone: the port it was started with, else `CLOSECAST_NOMAD_PORT`, else 4646."""
        folder = paths.state() / "nomad"
        remembered = folder / "agent.json"
        named = os.environ.get("CLOSECAST_NOMAD_PORT")
        if named and not named.isdecimal():
            raise OperatorError(f"CLOSECAST_NOMAD_PORT is {named!r}, not a port", "set it to a number, such as 4646")
        agent = cls(folder, int(named or 4646))
        if remembered.exists():
            kept = cls(folder, json.loads(remembered.read_text())["port"])
            if kept.is_running() or not named:
                return kept
        return agent

    @property
    def address(self) -> str:
        """URL of the server's HTTP API and web UI."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        """The data folder of both processes, with `server`, `client` and `alloc` in it."""
        return self.folder / "data"

    @property
    def server(self) -> AgentRole:
        return AgentRole("server", self.folder / "agent.hcl", self.folder / "agent.log")

    @property
    def client(self) -> AgentRole:
        return AgentRole("client", self.folder / "client.hcl", self.folder / "client.log")

    @property
    def roles(self) -> tuple[AgentRole, AgentRole]:
        return self.server, self.client

    @property
    def ports(self) -> tuple[int, int, int, int]:
        """Ports of the server's HTTP API, of RPC, of gossip, and of the client's HTTP API."""
        return self.port, self.port + 1, self.port + 2, self.port + 3

    def ports_of(self, role: AgentRole) -> tuple[int, ...]:
        return self.ports[:3] if role == self.server else self.ports[3:]

    def process(self) -> psutil.Process | None:
        """The running server."""
        return self.server.process()

    def processes(self) -> list[psutil.Process]:
        """The running ones of the two."""
        return [process for role in self.roles if (process := role.process())]

    def require_client(self) -> None:
        """Raise OperatorError with the client's last error when it does not run."""
        if not self.client.is_running():
            raise self.client.failure()

    def is_running(self) -> bool:
        """Whether the server runs. Tasks may run without it."""
        return self.server.is_running()

    def configured(self, meta: Mapping[str, str]) -> dict[AgentRole, str]:
        http, rpc, serf, of_client = self.ports
        return {
            self.server: agent_configuration.server(self.data, http, rpc, serf),
            self.client: agent_configuration.client(self.data, of_client, rpc, meta),
        }

    def outdated(self, meta: Mapping[str, str]) -> list[AgentRole]:
        """The processes whose configuration on disk differs from that of `start`, because the project was updated."""
        return [role for role, wanted in self.configured(meta).items() if not role.is_configured(wanted)]

    def start(self, nomad: Nomad, meta: Mapping[str, str]) -> None:
        """Start what does not run, the client only after the server is ready.

        Raises OperatorError as wait_for_leader.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "agent.json").write_text(json.dumps({"port": self.port}))
        wanted = self.configured(meta)
        if not self.server.is_running():
            self.server.start(nomad, wanted[self.server])
        self.wait_for_leader()
        if not self.client.is_running():
            self.client.start(nomad, wanted[self.client])

    def wait_for_leader(self, seconds: float = 60) -> None:
        """Wait until the server leads and has its keys in memory.

        Raises OperatorError with the log's last error otherwise.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                # A key that is not in memory yet is an error, not an omission.
                if httpx.get(f"{self.address}/.well-known/jwks.json", timeout=5).raise_for_status().json()["keys"]:
                    return
            except (httpx.HTTPError, ValueError, KeyError):
                if not self.server.is_running():
                    break
            time.sleep(0.1)
        raise self.server.failure()

    def stop(self, seconds: float = 20) -> None:
        """Stop both, the client first; running tasks would outlive them, so stop the jobs before."""
        self.client.stop(seconds)
        self.server.stop(seconds)


def _ended(process: psutil.Process, seconds: float) -> bool:
    """Whether it ends in time. A zombie counts as ended: in a container it may stay one."""
    deadline = time.monotonic() + seconds
    try:
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
    except psutil.NoSuchProcess:
        return True
    return True
