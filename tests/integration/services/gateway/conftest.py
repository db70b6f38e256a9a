"""A real Caddy with the project's own Caddyfile, and upstreams that tell what reached them."""

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from ops.setup import caddy_binary
from services.gateway.__main__ import command, complete
from tests.servers.processes import free_port, running
from tests.waiting import until

# Short, so that a test of a limit needs not wait for the real one; any other test could meet them beside busy neighbours.
LIMITS = {
    "CLOSECAST_GATEWAY_READ_HEADER": "1s",
    "CLOSECAST_GATEWAY_READ_BODY": "3s",
    "CLOSECAST_GATEWAY_WRITE": "4s",
}


SIGNED_IN = {"Cookie": "closecast_session=s3ssion"}


class Upstream(ThreadingHTTPServer):
    """Answers every request with what it got, as JSON, and keeps it in `got`; `behaviour` may do otherwise."""

    daemon_threads = True
    request_queue_size = 64
    name: str
    got: list[dict[str, object]]
    behaviour: Callable[["Handler"], bool] | None = None
    connections: list[socket.socket]
    checks: list[dict[str, str]]  # the heads of the questions who has signed in

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def end(self) -> None:
        """As a process ends: nobody listens, and every connection is gone."""
        self.shutdown()
        self.server_close()
        for connection in self.connections:
            with suppress(OSError):  # one that the other side has closed before
                connection.shutdown(socket.SHUT_RDWR)


class Handler(BaseHTTPRequestHandler):
    server: Upstream
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.server.connections.append(self.connection)

    def _answer(self) -> None:
        if self.path in ("/health/ready", "/_stcore/health"):
            return self.send(b"{}")
        if self.path == "/sign-in/check":
            self.server.checks.append(dict(self.headers.items()))
            return self.send(b"", 204) if self.headers.get("Cookie") == SIGNED_IN["Cookie"] else self.send(b"{}", 401)
        try:
            body = self._body()
        except ValueError:  # the sender broke off in the middle
            self.close_connection = True
            return None
        seen = {
            "server": self.server.name,
            "method": self.command,
            "path": self.path,
            "bytes": len(body),
            "headers": {name.lower(): value for name, value in self.headers.items()},
        }
        self.server.got.append(seen)
        if self.server.behaviour is None or not self.server.behaviour(self):
            self.send(json.dumps(seen).encode())
        return None

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def send(self, content: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = _answer  # noqa: N815 - the base class looks for these names

    def log_message(self, format: str, *args: object) -> None:
        """The tests' output is theirs."""


@contextmanager
def upstream(name: str, behaviour: Callable[[Handler], bool] | None = None) -> Iterator[Upstream]:
    server = Upstream(("127.0.0.1", 0), Handler)
    server.name, server.got, server.connections, server.behaviour = name, [], [], behaviour
    server.checks = []
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield server
    server.end()


def breaks(handler: Handler) -> bool:
    """As a service that is killed while it works on a request."""
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True
    return True


@dataclass(frozen=True)
class Gateway:
    """A gateway's folders and port; Caddy runs while `served`."""

    folder: Path
    port: int
    environment: dict[str, str]
    trusted: Path | None = None  # its own authority's certificate unless named

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def root(self) -> Path:
        return self.folder / "state" / "pki" / "authorities" / "local" / "root.crt"

    @contextmanager
    def served(self) -> Iterator[int]:
        """Caddy's pid."""
        command, ready = [sys.executable, "-m", "services.gateway"], f"tcp://127.0.0.1:{self.port}"
        with running(command, self.environment, ready, self.folder) as pid:
            until(self.answers, told=self.log)
            yield pid

    def answers(self) -> bool:
        try:
            with self.client() as client:
                return client.get("/health/gateway").status_code == 200
        except (httpx.HTTPError, OSError):
            return False

    def tls(self) -> ssl.SSLContext:
        """What trusts the gateway's own authority and nobody else's."""
        return ssl.create_default_context(cafile=str(self.trusted or self.root))

    def client(self, http2: bool = False) -> httpx.Client:
        return httpx.Client(base_url=self.url, verify=self.tls(), http2=http2, trust_env=False, timeout=30)

    def route(self, api: list[str], ui: list[str] | None = None) -> None:
        """As Nomad's template writes the upstreams."""
        for name, addresses in (("api", api), ("ui", ui or [])):
            (self.folder / f"{name}.caddy").write_text("".join(f"to {address}\n" for address in addresses))

    def reload(self) -> None:
        """As the gateway does itself when its upstreams change."""
        environment = complete({**os.environ, **self.environment})
        arguments = command(environment, reload=True)
        done = subprocess.run(arguments, env=environment, cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def log(self) -> str:
        return (self.folder / "server.log").read_text()


def made(folder: Path) -> Gateway:
    """A gateway that keeps all it has in `folder`; not started, and with no upstream. The test is skipped without a Caddy."""
    caddy = caddy_binary.find()
    if caddy is None:
        pytest.skip("there is no Caddy, and `./just test` tells why it could not get one")
    port = free_port()
    environment = {
        "CLOSECAST_HOST": "127.0.0.1",
        "CLOSECAST_PORT": str(port),
        "CLOSECAST_CADDY": str(caddy.path),
        "CLOSECAST_GATEWAY_FOLDER": str(folder),
        "CLOSECAST_GATEWAY_STORAGE": str(folder / "state"),
        "CLOSECAST_GATEWAY_TLS": "internal",
    }
    gateway = Gateway(folder, port, environment)
    gateway.route([])
    return gateway


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    """Not started, and with no upstream."""
    return made(tmp_path)
