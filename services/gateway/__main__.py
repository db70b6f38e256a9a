"""Run Caddy, and reload it when its upstreams change: `python -m services.gateway`."""

import ctypes
import logging
import math
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

from closecast.platform.request_limits import MOST_BYTES
from closecast.platform.runtime import logs
from services.listening import interface

_LOG = logging.getLogger("services.gateway")  # it is run as __main__

CONFIGURATION = Path(__file__).with_name("Caddyfile")
_NEEDED = (
    "CLOSECAST_HOST",
    "CLOSECAST_PORT",
    "CLOSECAST_CADDY",
    "CLOSECAST_GATEWAY_FOLDER",
    "CLOSECAST_GATEWAY_STORAGE",
    "CLOSECAST_GATEWAY_TLS",
)
# Timeouts for a caller's headers, its body, and reading the answer. The maximum size of a body, and how much of a larger one
# is read before it is refused.
_DEFAULTS = {
    "CLOSECAST_GATEWAY_READ_HEADER": "10s",
    "CLOSECAST_GATEWAY_READ_BODY": "30s",
    "CLOSECAST_GATEWAY_WRITE": "60s",
    "CLOSECAST_GATEWAY_MAX_BODY": str(MOST_BYTES),
    "CLOSECAST_GATEWAY_MAX_TAKEN": "100000000",
    # No HSTS: other pages on the same machine have no TLS.
    "CLOSECAST_GATEWAY_HSTS": "0",
    # For which its health check fails before it stops.
    "CLOSECAST_DRAIN_SECONDS": "0",
}
_LISTENER = 3  # the file descriptor that the Caddyfile names
_WAITING = 1024  # connections that may wait to be accepted
_UPSTREAMS = ("api.caddy", "ui.caddy")
_DRAINING = "draining"  # a file: while it is there, the Caddyfile's health check fails
_LOOK_SECONDS = 0.5  # interval of checks of the upstreams
_GONE_SECONDS = 3  # for which an upstream may be missing: a restart in place deregisters it for an instant
_RELOAD_SECONDS = 30  # after which an unfinished reload is repeated
_PR_SET_PDEATHSIG = 1
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")


class GatewayError(ValueError):
    """The environment lacks a required variable, or a value is unusable."""


def complete(environment: Mapping[str, str]) -> dict[str, str]:
    """Complete the environment that the Caddyfile reads.

    Raises GatewayError naming the variable that is missing or unusable.

    CLOSECAST_GATEWAY_HOSTS holds host names and addresses separated by blanks, by default `localhost` and
    CLOSECAST_HOST; CLOSECAST_GATEWAY_TLS the arguments of `tls` in a Caddyfile: `internal`, the files of a certificate
    and its key, or the mail address of an ACME account.
    """
    missing = [name for name in _NEEDED if not environment.get(name)]
    if missing:
        raise GatewayError(f"the environment variable {missing[0]} is not set")
    if not environment["CLOSECAST_PORT"].isdecimal():
        raise GatewayError(f"CLOSECAST_PORT is {environment['CLOSECAST_PORT']!r}; expected a number")
    hosts = (environment.get("CLOSECAST_GATEWAY_HOSTS") or f"localhost {environment['CLOSECAST_HOST']}").split()
    for host in hosts:
        if not _HOST.fullmatch(host):
            raise GatewayError(f"CLOSECAST_GATEWAY_HOSTS names {host!r}; expected host names with blanks between")
    how = environment["CLOSECAST_GATEWAY_TLS"].split()
    if not (len(how) == 2 or how == ["internal"] or (len(how) == 1 and "@" in how[0])):
        raise GatewayError(
            f"CLOSECAST_GATEWAY_TLS is {' '.join(how)!r}; expected `internal`, `<certificate file> <key file>` or the mail "
            "address of an ACME account"
        )
    for file in how if len(how) == 2 else []:
        if not os.access(file, os.R_OK):
            raise GatewayError(f"CLOSECAST_GATEWAY_TLS names the file {file}, which is not there or cannot be read")
    storage = environment["CLOSECAST_GATEWAY_STORAGE"]
    return {
        **_DEFAULTS,
        **environment,
        "CLOSECAST_GATEWAY_SITES": ", ".join(f"https://{host}" for host in hosts),
        "CLOSECAST_GATEWAY_NAME": hosts[0],
        # Caddy stores its data there and not in a home folder.
        "XDG_DATA_HOME": storage,
        "XDG_CONFIG_HOME": storage,
    }


def command(environment: Mapping[str, str], reload: bool) -> list[str]:
    """Caddy's command line: to run the server, or to reload the running one."""
    how = ["reload", "--force", "--address", "unix/admin.sock"] if reload else ["run"]
    return [environment["CLOSECAST_CADDY"], *how, "--config", str(CONFIGURATION), "--adapter", "caddyfile"]


def listen(host: str, port: int) -> None:
    """Listen on `host`:`port` with the file descriptor that Caddy inherits.

    Raises GatewayError when the port is taken or not allowed.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=_WAITING)
    except OSError as error:
        raise GatewayError(f"the gateway cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}") from error
    if listener.fileno() == _LISTENER:
        listener.set_inheritable(True)
    else:
        os.dup2(listener.fileno(), _LISTENER)
    listener.detach()


def run(environment: Mapping[str, str]) -> int:
    """Run Caddy in the working directory until it ends, and return its exit code.

    After SIGINT or SIGTERM its health check fails for CLOSECAST_DRAIN_SECONDS while it still answers; then it stops.

    Caddy is reloaded for upstreams that are new, or stay away: each reload can break off new connections, and an
    upstream that only restarts is left out by its health check. The upstreams in the files are compared with the last
    ones loaded, so a failed reload, as on a busy machine, is repeated.
    """
    Path(_DRAINING).unlink(missing_ok=True)
    loaded = _upstreams()
    same = time.monotonic()  # when the files were last seen to hold what is loaded
    library = ctypes.CDLL(None)
    # Caddy must end with this process: it would hold the port without reloads.
    caddy = subprocess.Popen(
        command(environment, reload=False),
        env=environment,
        pass_fds=(_LISTENER,),
        preexec_fn=lambda: library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL),
    )
    os.close(_LISTENER)
    drain, ends, stops = float(environment["CLOSECAST_DRAIN_SECONDS"]), False, math.inf

    def stop() -> None:
        nonlocal ends, stops
        ends, stops = True, math.inf
        caddy.send_signal(signal.SIGTERM)

    def end(_: int, __: FrameType | None) -> None:
        nonlocal stops
        if ends or stops < math.inf:
            return
        if not drain:
            stop()
            return
        Path(_DRAINING).touch()
        stops = time.monotonic() + drain

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    while True:
        try:
            code = caddy.wait(_LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            now, wanted = time.monotonic(), _upstreams()
            if now >= stops:
                stop()
            if wanted == loaded:
                same = now
            elif not ends and (not wanted <= loaded or now - same > _GONE_SECONDS) and _reload(environment):
                loaded = wanted
        else:
            return code if code >= 0 else 128 - code


def _upstreams() -> set[tuple[str, str]]:
    """The files' lines, each with its file's name."""
    return {(name, line) for name in _UPSTREAMS for line in Path(name).read_text().splitlines()}


def _reload(environment: Mapping[str, str]) -> bool:
    try:
        done = subprocess.run(
            command(environment, reload=True),
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=_RELOAD_SECONDS,
        )
        problem = done.stderr.strip().rpartition("\n")[2] if done.returncode else None
    except subprocess.TimeoutExpired:
        problem = f"no answer within {_RELOAD_SECONDS} s"
    if problem is not None:
        _LOG.warning("Caddy did not load the new upstreams; trying again: %s", problem)
    return problem is None


def main() -> None:
    logs.configure()
    try:
        environment = complete(os.environ)
        storage = Path(environment["CLOSECAST_GATEWAY_STORAGE"])
        storage.mkdir(parents=True, exist_ok=True)
        storage.chmod(0o700)
        os.chdir(environment["CLOSECAST_GATEWAY_FOLDER"])
        listen(interface(environment), int(environment["CLOSECAST_PORT"]))
    except GatewayError as error:
        sys.exit(f"gateway: {error}")
    sys.exit(run(environment))


if __name__ == "__main__":
    main()
