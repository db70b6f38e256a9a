"""A lease in the lake: dispatched instances work as long as their flow renews it.

A flow may only dispatch jobs, so it cannot have Nomad stop them, and a killed flow could not anyway. A missing lease
does not count as ended: a lake that has just come back may not have its objects yet.
"""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from closecast.platform.lake.store import Lake, LakeError

RENEW_SECONDS = 15.0
LOST_SECONDS = 120.0  # without a renewal, while the lake answers; a busy flow may be late a few times
_ENDED = "ended"  # instead of a number: the lease is no longer renewed


@contextmanager
def held(lake: Lake, report: Callable[[str], None], renew_seconds: float = RENEW_SECONDS) -> Iterator[str]:
    """Hold a lease until the end of the block; yields its key, which is passed to instances.

    When the block succeeds, the lease is deleted, because no instance works any more; else it is marked as ended.
    `report` is called with the reason when a renewal fails, once until one succeeds. Raises LakeError when it cannot
    start.
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
            # The block's own error is kept, and the instances end by themselves once the lease has expired.
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
    """Watches the lease `key` for an instance. While the lake is away, the instance goes on."""

    def __init__(self, lake: Lake, key: str, lost_seconds: float = LOST_SECONDS) -> None:
        self._lake, self._key, self._lost_seconds = lake, key, lost_seconds
        self._seen: str | None = None
        self._since: float | None = None  # of the last renewal, or of the first answer of the lake

    def end(self) -> str | None:
        """Check the lease; returns the reason to end, None while the flow is alive."""
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
            self._since = None  # renewals cannot be seen meanwhile
            return None
        return f"the flow that this works for was not heard of for {self._lost_seconds:.0f} s"


def watched(watch: Watch, ended: Callable[[str], None], seconds: float = RENEW_SECONDS) -> None:
    """Check the lease every `seconds` in the background, and call `ended` with the reason when the flow has ended."""

    def look() -> None:
        while (why := watch.end()) is None:
            time.sleep(seconds)
        ended(why)

    threading.Thread(target=look, name="lease", daemon=True).start()
