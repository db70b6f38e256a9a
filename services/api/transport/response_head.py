"""The head of an answer of 200 that goes past the framework, as it goes over the wire, under /v1."""

from functools import cache

from services.api.middleware.security_headers import ANSWER_HEADERS, STRICT


def lines(*headers: tuple[bytes, bytes]) -> bytes:
    """Headers as lines of HTTP."""
    return b"".join(b"%s: %s\r\n" % header for header in headers)


STRICT_LINE = lines(STRICT)  # for who came over TLS
CLOSE_LINE = lines((b"connection", b"close"))  # of the last answer of a connection


@cache
def opening(media_type: bytes) -> bytes:
    """The status, and the lines that every such answer has; the server's own, the limit's, the id and the length follow."""
    return b"HTTP/1.1 200 OK\r\n" + lines((b"content-type", media_type), *ANSWER_HEADERS)
