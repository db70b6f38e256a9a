"""POST to an address of the operator's: with timeouts, without redirects, proxies of the environment or cookies."""

import ipaddress
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx

from closecast.platform.alerts.sinks.sink import SinkError

_TIMEOUT = httpx.Timeout(10, connect=5)


def require_address(url: str) -> str:
    """`url`, if it is https, or http to this machine itself. Raises ValueError, which does not quote it."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
        parts = urlsplit("")
    if host is None or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("url is no address")
    if parts.username is not None or parts.password is not None:
        raise ValueError("url has a user or a password in it")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise ValueError("url is not https, which only an address of this machine may do without")
    return url


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine: localhost, or a loopback address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def post(url: str, body: bytes, headers: Mapping[str, str], verify: ssl.SSLContext | bool = True) -> None:
    """POST `body`; a status 2xx delivers it, and the answer's body is not read. Raises SinkError."""
    try:
        with (
            httpx.Client(timeout=_TIMEOUT, follow_redirects=False, trust_env=False, verify=verify) as client,
            client.stream("POST", url, content=body, headers=dict(headers)) as answer,
        ):
            status = answer.status_code
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise SinkError(f"{_place(url)} was not reached: {type(error).__name__}") from error
    if not 200 <= status < 300:
        redirected = "; redirects are not followed" if 300 <= status < 400 else ""
        raise SinkError(f"{_place(url)} answered {status}{redirected}")


def _place(url: str) -> str:
    """Scheme and host only: the path can be a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}"
