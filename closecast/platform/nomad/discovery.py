"""Wait until a discovered address answers: discovery gives an address, not readiness."""

import socket
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit


class NotAnsweringError(RuntimeError):
    """A service that this process needs did not answer in time."""


def wait_for(url: str, seconds: float = 300) -> float:
    """Wait until `url` answers, and return the seconds it took.

    `tcp://host:port` answers when it accepts a connection; `http://…` when a GET gives a status below 400.
    Raises NotAnsweringError naming the address and the last failure after `seconds`; ValueError for another scheme.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("tcp", "http", "https") or not parts.hostname:
        raise ValueError(f"cannot wait for {url!r}: expected tcp://host:port or an http(s) URL")
    begin = time.monotonic()
    while True:
        try:
            _knock(url, parts.hostname, parts.port)
        except (OSError, urllib.error.URLError) as error:
            if time.monotonic() - begin > seconds:
                raise NotAnsweringError(f"{url} did not answer within {seconds:.0f} s: {error}") from error
        else:
            return time.monotonic() - begin
        time.sleep(0.2)


def _knock(url: str, host: str, port: int | None) -> None:
    if url.startswith("tcp"):
        socket.create_connection((host, port or 0), timeout=2).close()
        return
    with urllib.request.urlopen(url, timeout=5):  # nosec B310
        pass
