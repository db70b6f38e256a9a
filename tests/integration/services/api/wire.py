"""HTTP byte by byte, as no client sends it."""

import json
import socket
from typing import Any

from tests.unit.services.api.conftest import KEY

BODY = b'{"deal": {"engage_date": "2017-11-20"}, "as_of": "2017-12-01"}'
PLAIN = {"Host": "here", "Content-Type": "application/json", "X-API-Key": KEY}


def head(length: int, path: str = "", version: str = "1.1", **more: str) -> bytes:
    """Of a request to predict, with a body of `length` bytes; `more` headers have _ for -, and come instead of others."""
    headers = {
        **PLAIN,
        "Content-Length": str(length),
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /v1/predictions{path} HTTP/{version}\r\n{lines}\r\n".encode()


def request(body: bytes = BODY, version: str = "1.1", **more: str) -> bytes:
    return head(len(body), version=version, **more) + body


class Wire:
    """A connection of which every byte is ours."""

    def __init__(self, address: str, receive: int | None = None) -> None:
        host, port = address.removeprefix("http://").split(":")
        self.socket = socket.socket()
        if receive is not None:  # bytes that are taken before they are read
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        self.socket.settimeout(60)
        self.socket.connect((host, int(port)))
        self.file = self.socket.makefile("rb")

    def send(self, content: bytes) -> None:
        self.socket.sendall(content)

    def answer(self) -> tuple[int, dict[str, str], Any]:
        """Status, headers and content of the next answer, decoded if it is JSON."""
        status = int(self.file.readline().split()[1])
        headers = {}
        while line := self.file.readline().strip():
            name, _, value = line.decode().partition(": ")
            headers[name.lower()] = value
        content = self.file.read(int(headers["content-length"]))
        return status, headers, json.loads(content) if "json" in headers.get("content-type", "") else content

    def is_closed(self) -> bool:
        return self.file.read(1) == b""
