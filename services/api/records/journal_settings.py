"""Where answers are written down: the stream of the cache, and the spool on this machine; for the service and its batch worker."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from closecast.platform.journal.shipper import Shipper
from closecast.platform.journal.spool import Spool
from closecast.platform.nomad.addresses import Address, address
from closecast.platform.settings import SettingsError, required


@dataclass(frozen=True)
class JournalSettings:
    """The cache, and the folder and size in bytes of what waits on disk while the cache takes nothing."""

    cache: Address
    spool: Path
    spool_bytes: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "JournalSettings | None":
        """None where no cache is meant to be used. Raises SettingsError."""
        cache = address(environment, "CLOSECAST_CACHE_URL")
        if cache is None:
            return None
        limit = environment.get("CLOSECAST_SPOOL_BYTES") or "64000000"
        if not re.fullmatch(r"[1-9][0-9]{5,14}", limit):
            raise SettingsError(f"CLOSECAST_SPOOL_BYTES is {limit!r}; expected a number of bytes, 100000 or more")
        return cls(cache, Path(required(environment, "CLOSECAST_MODEL_CACHE")) / "spool", int(limit))

    def shipper(self) -> Shipper:
        """An end of the journal for this process; it is still to be started."""
        return Shipper(self.cache, Spool(self.spool, self.spool_bytes))
