"""A caller's quota, and a decision on a request with the headers that tell of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from closecast.platform.callers.caller import Role

SMALLEST_BLOCK = 0.01  # of the quota: what an instance leases at once, at least


@dataclass(frozen=True)
class Limit:
    """`quota` tokens at once at most, refilled evenly over `window` seconds.

    A token is a deal to score, or a request.
    """

    quota: int
    window: float
    rate: float = field(init=False)  # tokens a second
    low: float = field(init=False)  # a lease that falls below this is renewed
    policy: bytes = field(init=False)  # as the header says it

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", self.quota / self.window)
        object.__setattr__(self, "low", self.quota * SMALLEST_BLOCK)
        object.__setattr__(self, "policy", b'"caller";q=%d;w=%d' % (self.quota, self.window))


DEFAULTS: Mapping[Role, Limit] = {
    "viewer": Limit(1_000, 10),
    "scorer": Limit(200_000, 10),
    "admin": Limit(200_000, 10),
}


class Decision(NamedTuple):
    """Whether the request may be answered, and what is left; `tokens` may be a fraction, or a debt."""

    allowed: bool
    limit: Limit
    tokens: float

    @property
    def reset_seconds(self) -> int:
        """Seconds until the quota is full again; of a refusal, until a retry can succeed."""
        limit = self.limit
        if self.allowed:
            return -int((self.tokens - limit.quota) // limit.rate)
        return max(1, -int((self.tokens - 1) // limit.rate))

    def headers(self) -> list[tuple[bytes, bytes]]:
        """RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers, 08 and later), and Retry-After if refused."""
        reset = self.reset_seconds
        state = b'"caller";r=%d;t=%d' % (self.tokens if self.tokens > 0 and self.allowed else 0, reset)
        lines = [(b"ratelimit-policy", self.limit.policy), (b"ratelimit", state)]
        return lines if self.allowed else [*lines, (b"retry-after", b"%d" % reset)]

    def allowed_lines(self) -> bytes:
        """The headers of an allowed request as HTTP lines, in a third of the time."""
        _, limit, tokens = self
        return b'ratelimit-policy: %b\r\nratelimit: "caller";r=%d;t=%d\r\n' % (
            limit.policy,
            tokens if tokens > 0 else 0,
            self.reset_seconds,
        )
