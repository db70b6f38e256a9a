"""Tells one life of LocalStack from the next: it forgets everything in between."""

import json
import urllib.error
import urllib.request


def identity(endpoint: str) -> str | None:
    """Identity of the running LocalStack, new at each start, or None while it does not answer."""
    try:
        with urllib.request.urlopen(f"{endpoint}/_localstack/info", timeout=5) as answer:
            return str(json.load(answer)["session_id"])
    except (urllib.error.URLError, OSError, ValueError, KeyError):
        return None
