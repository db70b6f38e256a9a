"""The configuration of the local Nomad agent's two processes, and the environment that their tasks inherit."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from ops.setup import runtime

_BOTH = """\
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

acl {{
  enabled = true
}}

"""
# Two processes, because a client that starts together with its server takes its tasks back before the server can check
# who they are, is refused, and restarts them all.
_SERVER = """\
ports {{
  http = {http}
  rpc  = {rpc}
  serf = {serf}
}}

# With one server there is nobody to wait for, so the election may be quick.
#
# The one node is never given up: there is no other to move its tasks to, and a node that was given up stops all of them
# when it comes back. Whether its client runs is for `just status` to say.
#
# Tasks prove who they are to the API by tokens that Nomad signs. They name this issuer, and the API asks it for the keys;
# without it they would have no `iss`, and a token of any other Nomad could pass for one of this.
server {{
  enabled                = true
  bootstrap_expect       = 1
  raft_multiplier        = 1
  heartbeat_grace        = "8760h"
  failover_heartbeat_ttl = "8760h"
  oidc_issuer            = "http://127.0.0.1:{http}"
}}
"""
_CLIENT = """\
ports {{
  http = {http}
}}

client {{
  enabled           = true
  servers           = ["127.0.0.1:{rpc}"]
  network_interface = "lo"
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
"""
# Variables of the operator's environment for tasks: enough to find programs and reach the network, without credentials.
_PASSED_ON = (
    "PATH",
    "HOME",
    "USER",
    "TZ",
    "TMPDIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "http_proxy",
    "https_proxy",
)
# Tasks use UTF-8 and plain text, whatever the operator's terminal uses.
_OF_TASKS = {
    "LANG": "C.UTF-8",
    "PYTHONUTF8": "1",
    # Import nothing from a working directory, which others may have written to.
    "PYTHONSAFEPATH": "1",
    "NO_COLOR": "1",
    "NO_PROXY": "127.0.0.1,localhost",
    "no_proxy": "127.0.0.1,localhost",
}


def server(data: Path, http: int, rpc: int, serf: int) -> str:
    """The HCL configuration of the server, which schedules and keeps the cluster's state; all ports on loopback."""
    return _BOTH.format(data=data) + _SERVER.format(http=http, rpc=rpc, serf=serf)


def client(data: Path, http: int, rpc: int, meta: Mapping[str, str]) -> str:
    """The HCL configuration of the client, which runs the tasks; `rpc` is the server's port, `meta` the node's metadata."""
    lines = "\n".join(f"    {key} = {json.dumps(value)}" for key, value in meta.items())
    return _BOTH.format(data=data) + _CLIENT.format(http=http, rpc=rpc, meta=lines)


def environment() -> dict[str, str]:
    """The environment of both processes, which tasks inherit."""
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return passed_on | _OF_TASKS | {"PYTHONPATH": str(runtime.code())}
