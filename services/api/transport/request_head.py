"""Validate the head of a request: the parser accepts more than HTTP allows (RFC 9112)."""

import re
from collections.abc import Sequence
from functools import lru_cache

import httptools

from services.api.middleware.request_log import PREDICTIONS
from services.api.problems import Problem

Lines = Sequence[tuple[bytes, bytes]]
_HOST = re.compile(
    rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]*|\[[0-9A-Fa-fv:.]+\])"  # a name or an address (RFC 3986)
    rb"(?::(?:[0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])?)?"
)
_LONGEST_HOST = 300  # bytes; a name has 253 at most
_USUAL = PREDICTIONS.encode()
_SHOWN = 100  # characters quoted


def fault(version: str, method: bytes, url: bytes, headers: Lines) -> Problem | None:
    """The problem with this head, or None. Names of `headers` are in lower case."""
    if version not in ("1.1", "1.0"):
        return _problem(f"the request speaks HTTP/{version}; expected HTTP/1.1")
    hosts, codings = [], []
    for name, value in headers:
        if name == b"host":
            hosts.append(value)
        elif name == b"transfer-encoding":
            codings.append(value)
    if len(hosts) > 1 or not (hosts or version == "1.0"):
        return _problem(f"the request has {len(hosts) or 'no'} Host headers; expected one")
    if hosts and not (len(hosts[0]) <= _LONGEST_HOST and _is_host(hosts[0])):
        return _problem(
            f"the Host {shown(hosts[0])!r} is no host; expected a name or an address, and perhaps : and a port"
        )
    if codings and version == "1.0":
        return _problem("HTTP/1.0 has no Transfer-Encoding; send HTTP/1.1, or a Content-Length")
    if codings and [value.lower() for value in codings] != [b"chunked"]:
        return _problem(f"the Transfer-Encoding is {shown(b', '.join(codings))!r}; expected chunked alone")
    if method == b"CONNECT" or not (url == _USUAL or _has_path(url)):
        return _problem(f"the target {shown(url)!r} is no address of this service; expected a path such as /v1/model")
    return None


def without_upgrade(version: str, method: bytes, url: bytes, headers: Lines) -> bytes:
    """Remove the Upgrade header from a head, which a server may ignore (RFC 9110, 7.8)."""
    kept = b"".join(b"%b: %b\r\n" % line for line in headers if line[0] != b"upgrade")
    return b"%b %b HTTP/%b\r\n%b\r\n" % (method, url, version.encode(), kept)


def content_length(headers: Lines) -> int | None:
    """The announced length of the body; None without a body, or with a chunked one."""
    # The parser accepts only one number.
    length = next((value for name, value in headers if name == b"content-length"), None)
    return None if length is None else int(length)


def shown(value: bytes) -> str:
    """Quote bytes for an answer or a log: cut, every byte a character."""
    text = value[: _SHOWN + 1].decode("latin-1")
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


@lru_cache(maxsize=256)
def _is_host(value: bytes) -> bool:
    return _HOST.fullmatch(value) is not None


def _has_path(url: bytes) -> bool:
    try:
        return bool(httptools.parse_url(url).path)
    except httptools.HttpParserInvalidURLError:
        return False


def _problem(detail: str) -> Problem:
    return Problem("The request is not understood", 400, detail)
