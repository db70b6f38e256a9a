"""Runs the process that checks an export, one after the other."""

import asyncio
import logging
import signal
import sys

import msgspec
from litestar.exceptions import TooManyRequestsException

from closecast.deals.mapping.profiles import shipped
from services.api.checks.outcome import Outcome
from services.api.problems import InvalidInputError

PATIENCE_S = 90.0  # for one file
_WAITING = 4  # checks that may wait for the one that runs
_LOG = logging.getLogger(__name__)


class ExportChecks:
    """Checks exports, each in a process of its own; a few wait for the one that runs."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def check(self, content: bytes, profile: str | None) -> bytes:
        """What would be made of the export `content`: Findings in JSON.

        Raises InvalidInputError for a file that cannot be read or mapped, and TooManyRequestsException (429, Retry-After)
        where too many wait.
        """
        names = [one.name for one in shipped()]
        if profile is not None and profile not in names:
            expected = f"one of {', '.join(names)}"
            raise InvalidInputError("mapping", profile, expected, f"there is no mapping {profile!r}")
        if not content:
            raise InvalidInputError("body", None, "an export of a CRM", "the file is empty")
        if self._waiting >= _WAITING:
            detail = f"{_WAITING} exports wait to be checked: send this one again in a moment"
            raise TooManyRequestsException(detail, headers={"Retry-After": "5"})
        self._waiting += 1
        try:
            async with self._turn:
                outcome = await _read(content, profile)
        finally:
            self._waiting -= 1
        if outcome.problem is not None:
            raise InvalidInputError("body", None, "an export of a CRM", outcome.problem)
        return bytes(outcome.findings)


async def _read(content: bytes, profile: str | None) -> Outcome:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.api.checks.reader",
        *([] if profile is None else [profile]),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,  # may quote the file
    )
    try:
        written, _ = await asyncio.wait_for(process.communicate(content), PATIENCE_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        return Outcome(
            problem=f"the file was not read within {PATIENCE_S:.0f} s; export the columns of the deals alone"
        )
    except asyncio.CancelledError:
        process.kill()
        raise
    if process.returncode != 0:
        code = process.returncode or 0
        ended = signal.Signals(-code).name if code < 0 else f"status {code}"
        _LOG.warning("export check", extra={"problem": f"the process ended with {ended}"})
        return Outcome(
            problem="the file ended the process that read it: it is damaged, or needs too much memory or time"
        )
    return msgspec.json.decode(written, type=Outcome)
