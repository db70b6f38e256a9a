"""The session of a LocalStack process, which loses everything on a restart."""

import urllib.error
import urllib.request

_HEADER = "X-Closecast-Session"  # localstack/access_control.py writes it


def identity(endpoint: str) -> str | None:
    """The session identifier of the running LocalStack, new at each start; None while it does not answer."""
    try:
        with urllib.request.urlopen(f"{endpoint}/_localstack/health", timeout=5) as answer:  # nosec B310
            found: str | None = answer.headers.get(_HEADER)
            return found
    except (urllib.error.URLError, OSError, ValueError):
        return None
