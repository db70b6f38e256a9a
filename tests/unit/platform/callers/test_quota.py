"""What the headers say of a caller's quota."""

from closecast.platform.callers.quota import Decision, Limit

LIMIT = Limit(10, 100)  # one token in ten seconds


def test_headers_say_the_policy_and_the_state() -> None:
    assert Decision(True, LIMIT, 7.5).headers() == [
        (b"ratelimit-policy", b'"caller";q=10;w=100'),
        (b"ratelimit", b'"caller";r=7;t=25'),
    ]
    assert Decision(False, LIMIT, -0.5).headers()[1:] == [
        (b"ratelimit", b'"caller";r=0;t=15'),
        (b"retry-after", b"15"),
    ]
