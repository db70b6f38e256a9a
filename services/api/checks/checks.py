"""Runs the process that checks an export, one at a time."""

import asyncio
import logging
import signal
import sys

import msgspec

from closecast.platform.sources.findings import Findings
from services.api.checks.reader import Outcome
from services.api.problems import InvalidInputError, UnavailableError

PATIENCE_S = 90.0  # for one file
_LOG = logging.getLogger(__name__)


class ExportChecks:
    """Checks exports, each in a process of its own; a second one at the same time is turned away."""

    def __init__(self) -> None:
        self._is_busy = False

    async def check(self, content: bytes, profile: str | None) -> Findings:
        """What would be made of the export `content`.

        Raises InvalidInputError for a file that cannot be read or mapped, and UnavailableError while another is checked.
        """
        if self._is_busy:
            raise UnavailableError("another export is being checked; send this one again in a moment")
        self._is_busy = True
        try:
            outcome = await _read(content, profile)
        finally:
            self._is_busy = False
        if outcome.findings is None:
            raise InvalidInputError("body", None, "an export of a CRM", outcome.problem or "it cannot be read")
        return outcome.findings


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
