"""HTTP answers that don't come from the framework: of the fast path, and refusals."""

from functools import cache
from http import HTTPStatus

from services.api.middleware.security_headers import ANSWER_HEADERS, STRICT


def lines(*headers: tuple[bytes, bytes]) -> bytes:
    """Format headers as HTTP lines."""
    return b"".join(b"%b: %b\r\n" % header for header in headers)


_STRICT_LINE = lines(STRICT)
_CLOSE_LINE = lines((b"connection", b"close"))


def response(
    status: int,
    media_type: bytes,
    content: bytes,
    request_id: bytes,
    *,
    keeps: bool,
    is_secure: bool,
    server_lines: bytes,
    limit_lines: bytes = b"",
) -> bytes:
    """The whole answer to a request under /v1.

    `keeps` means keep-alive, `is_secure` that the request came over TLS; `server_lines` are the
    server's own headers, and `limit_lines` the caller's rate limit.
    """
    # Joining takes half the time of formatting.
    return b"".join(
        (
            _opening(status, media_type),
            server_lines,
            b"" if keeps else _CLOSE_LINE,
            _STRICT_LINE if is_secure else b"",
            limit_lines,
            b"x-request-id: ",
            request_id,
            b"\r\ncontent-length: %d\r\n\r\n" % len(content),
            content,
        )
    )


@cache
def _opening(status: int, media_type: bytes) -> bytes:
    phrase = HTTPStatus(status).phrase.encode()
    return b"HTTP/1.1 %d %b\r\n%b" % (status, phrase, lines((b"content-type", media_type), *ANSWER_HEADERS))
