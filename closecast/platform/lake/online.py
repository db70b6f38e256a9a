"""The newest deals of each source in the lake, from which services take the history."""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from closecast.platform.lake.store import Lake, LakeError


@dataclass(frozen=True)
class Newest:
    """The most recently ingested deals of a source, and their last date."""

    source: str
    silver_key: str
    known_until: date
    pseudonymised: tuple[str, ...] = ()  # columns that hold pseudonyms


def announce(lake: Lake, newest: Newest, vouched: bool = False) -> None:
    """Make `newest` the deals that services use, unless there are later ones of that source. Raises LakeError.

    If the user `vouched` for the last date by as_of, they replace later ones too, whose end was wrong.
    """
    known = find(lake, newest.source)
    if vouched or known is None or known.known_until <= newest.known_until:
        lake.put_text(_key(newest.source), json.dumps(asdict(newest), default=date.isoformat))


def find(lake: Lake, source: str) -> Newest | None:
    """The newest deals of `source`, None if there are none. Raises LakeError."""
    text = lake.read_text(_key(source))
    if text is None:
        return None
    try:
        kept = json.loads(text)
        return parse(kept)
    except (ValueError, KeyError, TypeError) as error:
        raise LakeError(
            f"{_key(source)} in the lake is not what was stored ({error!r}): ingest {source} again"
        ) from error


def parse(kept: dict[str, Any]) -> Newest:
    """What `announce` stored. Raises ValueError, KeyError or TypeError for anything else."""
    known_until, columns = date.fromisoformat(kept["known_until"]), tuple(kept.get("pseudonymised", ()))
    return Newest(kept["source"], kept["silver_key"], known_until, columns)


def _key(source: str) -> str:
    return f"newest/{hashlib.sha256(source.encode()).hexdigest()[:32]}.json"
