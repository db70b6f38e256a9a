"""Retries of HTTP calls on transient errors, and resumable downloads."""

import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TypeVar

import requests

ATTEMPTS = 6
LONGEST_WAIT = 300.0  # seconds; a server that asks for more is not waited for
_CHUNK = 1 << 16  # bytes; at most this much of a broken answer is fetched again

Answer = TypeVar("Answer")


def retried(call: Callable[[], Answer], sleep: Callable[[float], None] = time.sleep) -> Answer:
    """Call `call` up to ATTEMPTS times, 1, 2, 4, … seconds apart or as Retry-After says.

    Broken and refused connections, timeouts, 429 and 5xx are retried. Raises the last requests.RequestException: at
    once when it is another one, or when the server asks to wait longer than LONGEST_WAIT.
    """
    for attempt in range(ATTEMPTS - 1):
        try:
            return call()
        except requests.RequestException as error:
            wait = max(2.0**attempt, _retry_after(error))
            if not passing(error) or wait > LONGEST_WAIT:
                raise
            sleep(wait)
    return call()


def passing(error: requests.RequestException) -> bool:
    """Whether a later attempt may succeed."""
    status = status_of(error)
    if status is not None:
        return status == 429 or status >= 500
    broken = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    return isinstance(error, broken)


def status_of(error: requests.RequestException) -> int | None:
    """The HTTP status of `error`, None for a connection error."""
    return None if error.response is None else int(error.response.status_code)


def _retry_after(error: requests.RequestException) -> float:
    text = "" if error.response is None else error.response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        then = parsedate_to_datetime(text)
    except ValueError:  # absent, or invalid
        return 0.0
    return (then.replace(tzinfo=then.tzinfo or UTC) - datetime.now(UTC)).total_seconds()


def extend(partial: Path, open_at: Callable[[int], requests.Response]) -> tuple[int | None, Mapping[str, str]]:
    """Make one attempt to complete the file `partial`.

    `open_at(start)` asks for the content from byte `start`. A server that sends everything instead is followed.
    Returns the size that the server states, None if it states none, and the answer's headers. Raises
    requests.RequestException; what arrived until then stays in `partial`, unless it cannot be continued.
    """
    start = partial.stat().st_size if partial.exists() else 0
    try:
        response = open_at(start)
    except requests.HTTPError as error:
        if status_of(error) == 416:
            raise _unusable(partial, f"byte {start} is beyond the server's file") from error
        raise
    with response:
        size = _stated_size(response)
        if response.status_code == 206:
            sent = response.headers.get("Content-Range", "")
            if not sent.startswith(f"bytes {start}-"):
                raise _unusable(partial, f"bytes {start}- were asked for, {sent or 'unnamed ones'} came")
        with partial.open("ab" if response.status_code == 206 else "wb") as file:
            for part in response.iter_content(_CHUNK):
                file.write(part)
    arrived = partial.stat().st_size
    if size is not None and arrived < size:
        raise requests.ConnectionError(f"{arrived} of {size} bytes arrived")
    return size, response.headers


def _stated_size(response: requests.Response) -> int | None:
    if response.status_code == 206:
        found = re.fullmatch(r"bytes \d+-\d+/(\d+)", response.headers.get("Content-Range", ""))
        return int(found[1]) if found else None
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None


def _unusable(partial: Path, reason: str) -> requests.ConnectionError:
    """Delete the partial file, so that the next attempt begins from byte 0, and return the error."""
    partial.unlink(missing_ok=True)
    return requests.ConnectionError(reason)
