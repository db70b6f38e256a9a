"""Security headers of every answer, whichever route or failure it comes from."""

from collections.abc import Container

from litestar.types import Message, Scope

from closecast.platform.callers.quota import Decision
from services.api.access.sign_in_html import POLICY

# Scalar's page loads its scripts, styles and images from one CDN, and calls only this service.
_PAGE_POLICY = (
    b"default-src 'none'; script-src https://cdn.jsdelivr.net; style-src https://cdn.jsdelivr.net 'unsafe-inline'; "
    b"font-src https://fonts.scalar.com data:; img-src 'self' data: https://cdn.jsdelivr.net; connect-src 'self'; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_COMMON = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer")]
_NOTHING = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
ANSWER_HEADERS = [*_COMMON, _NOTHING, (b"cache-control", b"no-store")]  # of every route under /v1
_PAGE_HEADERS = [*_COMMON, (b"content-security-policy", _PAGE_POLICY)]
# Without a referrer a browser would not say of which page the form is: its Origin would be null.
_SIGN_IN_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"content-security-policy", POLICY),
    (b"cache-control", b"no-store"),
]
_OTHER_HEADERS = [*_COMMON, _NOTHING]
_BY_PATH = (("/v1", ANSWER_HEADERS), ("/schema", _PAGE_HEADERS), ("/sign-in", _SIGN_IN_HEADERS))
STRICT = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")


def is_secure(headers: Container[tuple[bytes, bytes]]) -> bool:
    """Whether the request came over TLS, which the gateway terminates.

    Over plain HTTP browsers ignore STRICT anyway.
    """
    return (b"x-forwarded-proto", b"https") in headers


async def add_headers(message: Message, scope: Scope) -> None:
    """Add security and rate-limit headers to the start of an answer."""
    if message["type"] != "http.response.start":
        return
    path = scope["path"]
    added = next((found for begin, found in _BY_PATH if path.startswith(begin)), _OTHER_HEADERS)
    headers = [*message["headers"], *added]
    if is_secure(list(scope["headers"])):
        headers.append(STRICT)
    decision: Decision | None = scope["state"].get("rate_limit")
    if decision is not None:
        headers += decision.headers()
    message["headers"] = headers
