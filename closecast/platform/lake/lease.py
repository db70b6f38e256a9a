"""A lease in the lake: dispatched instances go on for as long as the flow that they work for keeps it.

A flow may dispatch jobs and nothing more, so it cannot have Nomad stop them; and one that was killed could not anyway.
A lease that is missing says nothing: a lake that has just come back may not have its objects yet.
"""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from closecast.platform.lake.store import Lake, LakeError

RENEW_SECONDS = 15.0
LOST_SECONDS = 120.0  # without a renewal, while the lake answered; a busy flow may be late a few times
_ENDED = "ended"  # in place of a number: nobody renews it any more


@contextmanager
def held(lake: Lake, report: Callable[[str], None], renew_seconds: float = RENEW_SECONDS) -> Iterator[str]:
    """Keep a lease until the end of the block; gives its key, which instances are report.

    It is deleted when the block ends well, as then nobody works for it any more; else it stays, and says that it has ended.
    `report` is called with the reason when a renewal fails, once until one succeeds. Raises LakeError when it cannot be begun.
    """
    key = f"leases/{uuid.uuid4()}"
    lake.put_text(key, "0")
    ended = threading.Event()
    keeper = threading.Thread(target=_keep, args=(lake, key, report, renew_seconds, ended), name="lease", daemon=True)
    keeper.start()
    well = False
    try:
        yield key
        well = True
    finally:
        ended.set()
        keeper.join()
        try:
            if well:
                lake.delete(key)
            else:
                lake.put_text(key, _ENDED)
        except LakeError as error:
            # What fails in the block stays its error, and the instances end by themselves once it has run out.
            report(f"the lease {key} stays until it runs out: {error}")


def _keep(lake: Lake, key: str, report: Callable[[str], None], seconds: float, ended: threading.Event) -> None:
    number, silent = 0, False
    while not ended.wait(seconds):
        number += 1
        try:
            lake.put_text(key, str(number))
            silent = False
        except LakeError as error:
            if not silent:
                report(f"the lease {key} was not renewed: {error}")
            silent = True


class Watch:
    """The lease `key` as an instance sees it. A lake that is away tells nothing, and the instance goes on."""

    def __init__(self, lake: Lake, key: str, lost_seconds: float = LOST_SECONDS) -> None:
        self._lake, self._key, self._lost_seconds = lake, key, lost_seconds
        self._seen: str | None = None
        self._since: float | None = None  # of the last renewal, or of the first answer of the lake

    def end(self) -> str | None:
        """Look; returns why there is nobody to work for any more, and None while there is somebody."""
        try:
            found, now = self._lake.read_text(self._key), time.monotonic()
            if found == _ENDED:
                return "the flow that this works for has ended"
            if self._since is None or found not in (None, self._seen):
                self._seen, self._since = found, now
            if now - self._since < self._lost_seconds:
                return None
            self._lake.delete(self._key)
        except LakeError:
            self._since = None  # what was missed meanwhile is not held against it
            return None
        return f"the flow that this works for was not heard of for {self._lost_seconds:.0f} s"


def watched(watch: Watch, ended: Callable[[str], None], seconds: float = RENEW_SECONDS) -> None:
    """Look every `seconds`, beside the work, and call `ended` once there is nobody to work for."""

    def look() -> None:
        while (why := watch.end()) is None:
            time.sleep(seconds)
        ended(why)

    threading.Thread(target=look, name="lease", daemon=True).start()
