"""The pseudonyms of incoming deals: of the served model's pseudonymised columns, and of forgotten values."""

import json
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from closecast.deals.pseudonyms import Pseudonymiser
from closecast.platform.forget import forgotten
from closecast.platform.lake.store import Lake
from closecast.platform.runtime.files import write_whole
from closecast.platform.settings import PSEUDONYM_KEY
from closecast.scoring import pseudonyms
from closecast.scoring.columns import DealTable
from services.api.problems import UnavailableError

if TYPE_CHECKING:
    from services.api.schemas.predictions import Deal

_LIST = "forgotten.json"  # keyed hashes, beside the models: known also while the lake is away, and to the batch worker
_LOOK_SECONDS = 1.0


class Pseudonyms:
    """Replaces names before they are scored or recorded. Safe from several threads.

    All that replaces raises UnavailableError when a replacement is needed and there is no key.
    """

    def __init__(self, key: str | None, folder: Path) -> None:
        """`folder` is that of the local copies of models, where the list of forgotten values is kept."""
        self._key, self._file = key, folder / _LIST
        self._by = None if key is None else Pseudonymiser(key)
        self._seen: tuple[int, int] | None = None  # of the list that `_by` has
        self._looked = float("-inf")

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> "Pseudonyms":
        """Those of the service whose environment a batch worker has."""
        return cls(environment.get(PSEUDONYM_KEY) or None, Path(environment.get("CLOSECAST_MODEL_CACHE", "")))

    def deal(self, deal: "Deal", columns: Collection[str]) -> "Deal":
        """`deal` with pseudonyms; `columns` are the model's pseudonymised ones."""
        by = self._current(columns)
        if by is None:
            return deal
        changed = {name: by.replaced(name, getattr(deal, name), columns) for name in pseudonyms.NAMED}
        return msgspec.structs.replace(deal, **changed)

    @property
    def has_key(self) -> bool:
        """Whether names can be replaced."""
        return self._key is not None

    def identifier(self, opportunity_id: str, columns: Collection[str]) -> str:
        """The identifier of a deal as it is recorded."""
        by = self._current(columns)
        return (
            opportunity_id if by is None else by.replaced("opportunity_id", opportunity_id, columns) or opportunity_id
        )

    def table(self, deals: DealTable, columns: Collection[str]) -> DealTable:
        """`deals` with pseudonyms."""
        by = self._current(columns)
        return deals if by is None else pseudonyms.table(deals, columns, by)

    def take(self, lake: Lake) -> None:
        """Keep the lake's list on disk, if it is another one. Raises LakeError."""
        text = json.dumps(forgotten.read(lake))
        if text != (self._file.read_text() if self._file.exists() else "{}"):
            write_whole(self._file, text)

    def _current(self, columns: Collection[str]) -> Pseudonymiser | None:
        """None if there is nothing to replace."""
        if time.monotonic() > self._looked + _LOOK_SECONDS:
            self._looked = time.monotonic()
            self._look()
        try:
            return self._by if pseudonyms.wanted(columns, self._by) else None
        except pseudonyms.NoKeyError as error:
            raise UnavailableError(f"{error}: {PSEUDONYM_KEY} is not set") from error

    def _look(self) -> None:
        try:
            facts: Any = self._file.stat()
        except FileNotFoundError:
            return
        seen = facts.st_mtime_ns, facts.st_ino
        if seen == self._seen:
            return
        found = forgotten.parse(self._file.read_text())
        if self._key is None and found:
            raise UnavailableError(f"values were forgotten, and {PSEUDONYM_KEY}, which recognises them, is not set")
        if self._key is not None:
            self._by = Pseudonymiser(self._key, found)
        self._seen = seen
