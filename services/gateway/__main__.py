"""Checks the settings and becomes Caddy: `python -m services.gateway`; `… reload` has the one that runs read its upstreams anew."""

import os
import re
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

CONFIGURATION = Path(__file__).with_name("Caddyfile")
_NEEDED = (
    "CLOSECAST_HOST",
    "CLOSECAST_PORT",
    "CLOSECAST_CADDY",
    "CLOSECAST_GATEWAY_FOLDER",
    "CLOSECAST_GATEWAY_STORAGE",
    "CLOSECAST_GATEWAY_TLS",
)
# A caller is given so long to send its headers, to send its body, and to take the answer. A body may be so large, and so much
# of a larger one is taken before it is refused.
_DEFAULTS = {
    "CLOSECAST_GATEWAY_READ_HEADER": "10s",
    "CLOSECAST_GATEWAY_READ_BODY": "30s",
    "CLOSECAST_GATEWAY_WRITE": "60s",
    "CLOSECAST_GATEWAY_MAX_BODY": "10000000",
    "CLOSECAST_GATEWAY_MAX_TAKEN": "100000000",
    # No word to browsers that this host be asked by TLS alone: the other pages of one machine have none.
    "CLOSECAST_GATEWAY_HSTS": "0",
}
_LISTENER = 3  # the file descriptor that the Caddyfile names
_WAITING = 1024  # connections that may wait to be accepted
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")


class GatewayError(ValueError):
    """The environment lacks a variable that is needed, or holds something unusable."""


def complete(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment that the Caddyfile reads. Raises GatewayError naming the variable that is missing or unusable.

    CLOSECAST_GATEWAY_HOSTS holds host names and addresses with blanks between, `localhost` and CLOSECAST_HOST unless set;
    CLOSECAST_GATEWAY_TLS what stands behind `tls` in a Caddyfile: `internal`, the files of a certificate and its key, or the mail
    address of an ACME account.
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
        # Whatever Caddy keeps, it keeps there and not in somebody's home.
        "XDG_DATA_HOME": storage,
        "XDG_CONFIG_HOME": storage,
    }


def command(environment: Mapping[str, str], reload: bool) -> list[str]:
    """Caddy's command line: the server, or the message to the running one to read its configuration again."""
    how = ["reload", "--force", "--address", "unix/admin.sock"] if reload else ["run"]
    return [environment["CLOSECAST_CADDY"], *how, "--config", str(CONFIGURATION), "--adapter", "caddyfile"]


def listen(host: str, port: int) -> None:
    """Listen on `host`:`port`, by the file descriptor that Caddy inherits. Raises GatewayError when it is taken or not ours."""
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


def main() -> None:
    try:
        environment = complete(os.environ)
    except GatewayError as error:
        sys.exit(f"gateway: {error}")
    storage = Path(environment["CLOSECAST_GATEWAY_STORAGE"])
    storage.mkdir(parents=True, exist_ok=True)
    storage.chmod(0o700)
    os.chdir(environment["CLOSECAST_GATEWAY_FOLDER"])
    reload = sys.argv[1:] == ["reload"]
    if not reload:
        try:
            listen(environment["CLOSECAST_HOST"], int(environment["CLOSECAST_PORT"]))
        except GatewayError as error:
            sys.exit(f"gateway: {error}")
    arguments = command(environment, reload)
    os.execve(arguments[0], arguments, environment)


if __name__ == "__main__":
    main()
