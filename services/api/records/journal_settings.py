"""Settings of the journal for the service and its batch worker: the cache's stream, and the local spool."""

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
    """The cache's address, and the folder and size in bytes of the spool."""

    cache: Address
    spool: Path
    spool_bytes: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "JournalSettings | None":
        """Read the settings; None when no cache is configured. Raises SettingsError."""
        cache = address(environment, "CLOSECAST_CACHE_URL")
        if cache is None:
            return None
        limit = environment.get("CLOSECAST_SPOOL_BYTES") or "64000000"
        if not re.fullmatch(r"[1-9][0-9]{5,14}", limit):
            raise SettingsError(f"CLOSECAST_SPOOL_BYTES is {limit!r}; expected a number of bytes, 100000 or more")
        return cls(cache, Path(required(environment, "CLOSECAST_MODEL_CACHE")) / "spool", int(limit))

    def shipper(self) -> Shipper:
        """Make a shipper for this process, not yet started."""
        return Shipper(self.cache, Spool(self.spool, self.spool_bytes))
