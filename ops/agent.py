"""The local Nomad agent: its configuration, start, readiness and stop. It tells its own agent from anybody else's."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from ops import paths
from ops.errors import OperatorError
from ops.nomad_binary import Nomad

_CONFIGURATION = """\
# Written anew by `just up`; a change made here is lost.
name      = "closecast"
data_dir  = "{data}"
bind_addr = "127.0.0.1"

disable_update_check = true

advertise {{
  http = "127.0.0.1"
  rpc  = "127.0.0.1"
  serf = "127.0.0.1"
}}

ports {{
  http = {http}
  rpc  = {rpc}
  serf = {serf}
}}

# With one server there is nobody to wait for: the quick election has the node registered in under two seconds, where
# the default misses the client's first attempt and waits 15 s and more for the second.
#
# Tasks prove who they are to the API by tokens that Nomad signs. They name this issuer, and the API asks it for the keys;
# without it they would have no `iss`, and a token of any other Nomad could pass for one of this.
server {{
  enabled          = true
  bootstrap_expect = 1
  raft_multiplier  = 1
  oidc_issuer      = "http://127.0.0.1:{http}"
}}

client {{
  enabled           = true
  network_interface = "{loopback}"
  # The cloud fingerprints ask addresses that a workstation cannot reach.
  options = {{ "fingerprint.denylist" = "env_aws,env_gce,env_azure,env_digitalocean,consul,vault" }}
  # A task waits in its template for the services it needs, as long as it takes, and looks again often.
  template {{
    nomad_retry {{
      attempts    = 0
      backoff     = "250ms"
      max_backoff = "2s"
    }}
  }}
  # Where the project stands on this node, so that no job file carries a path.
  meta {{
{meta}
  }}
}}

plugin "raw_exec" {{
  config {{
    enabled = true
  }}
}}

acl {{
  enabled = true
}}
"""
# What tasks may see of the operator's environment: enough to find programs and reach the network, and no credentials.
_PASSED_ON = (
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "http_proxy",
    "https_proxy",
)
_LOG_LIMIT = 10_000_000  # bytes; a log beyond it is put aside at the next start, over the one put aside before


@dataclass(frozen=True)
class Agent:
    """The agent that belongs to one state folder."""

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
        """URL of the agent's HTTP API and web UI."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "agent.log"

    @property
    def _configuration(self) -> Path:
        return self.folder / "agent.hcl"

    def process(self) -> psutil.Process | None:
        """The running agent that was started with this clone's own configuration file, whoever started it and when."""
        for process in psutil.process_iter(["cmdline"]):
            command = process.info["cmdline"] or []
            if "agent" in command and f"-config={self._configuration}" in command:
                return process
        return None

    def is_running(self) -> bool:
        return self.process() is not None

    def _configured(self, meta: dict[str, str]) -> str:
        loopback = "lo0" if sys.platform == "darwin" else "lo"
        lines = "\n".join(f"    {key} = {json.dumps(value)}" for key, value in meta.items())
        http, rpc, serf = self.ports
        return _CONFIGURATION.format(data=self.data, http=http, rpc=rpc, serf=serf, meta=lines, loopback=loopback)

    @property
    def ports(self) -> tuple[int, int, int]:
        """Ports of the HTTP API, of RPC and of gossip."""
        return self.port, self.port + 1, self.port + 2

    def is_outdated(self, meta: dict[str, str]) -> bool:
        """Whether the configuration on disk is another than the one `start` would write: the project was updated."""
        return not self._configuration.exists() or self._configuration.read_text() != self._configured(meta)

    def start(self, nomad: Nomad, meta: dict[str, str]) -> None:
        """Start in the background, in a session of its own so that Ctrl-C in `up` does not end it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._configuration.write_text(self._configured(meta))
        (self.folder / "agent.json").write_text(json.dumps({"port": self.port}))
        if self.log.exists() and self.log.stat().st_size > _LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".log.1"))
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        environment["NO_PROXY"] = environment["no_proxy"] = "127.0.0.1,localhost"
        with self.log.open("ab") as log:
            subprocess.Popen(
                [str(nomad.path), "agent", f"-config={self._configuration}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )

    def wait_for_leader(self, seconds: float = 30) -> None:
        """Return when the agent's server leads. Raises OperatorError with the log's last error otherwise."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.address}/v1/status/leader", timeout=2).json():
                    return
            except (httpx.HTTPError, ValueError):
                if not self.is_running():
                    break
            time.sleep(0.1)
        raise OperatorError(
            f"the Nomad agent did not come up: {self._last_complaint()}", f"read {self.log}, then run `just up` again"
        )

    def stop(self, seconds: float = 20) -> None:
        """Interrupt the agent and wait for its end; tasks that still run would outlive it, so stop the jobs first."""
        process = self.process()
        if process is None:
            return
        process.send_signal(signal.SIGINT)
        if not _ended(process, seconds):
            process.kill()
            _ended(process, 5)

    def _last_complaint(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        complaints = [line for line in lines if "[ERROR]" in line or line.startswith("==> ")]
        return complaints[-1].strip() if complaints else "it wrote no error"


def _ended(process: psutil.Process, seconds: float) -> bool:
    """Whether it ends in time. One that nobody has collected yet (a zombie) has ended: in a container that may stay so."""
    deadline = time.monotonic() + seconds
    try:
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
    except psutil.NoSuchProcess:
        return True
    return True
