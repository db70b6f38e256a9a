"""The list of forgotten values in the lake: keyed hashes, so that it holds no name, each with its pseudonym."""

import json
from collections.abc import Mapping

from closecast.deals.pseudonyms import Pseudonymiser
from closecast.platform.lake.store import Lake, LakeError
from closecast.platform.settings import PSEUDONYM_KEY, SettingsError

FOLDER = "forgotten"
KEY = f"{FOLDER}/values.json"


def read(lake: Lake) -> dict[str, str]:
    """Pseudonyms by digest. Raises LakeError."""
    return parse(lake.read_text(KEY))


def parse(text: str | None) -> dict[str, str]:
    """The list in `text`, empty for None. Raises LakeError for anything that is no list."""
    if text is None:
        return {}
    try:
        return {str(digest): str(pseudonym) for digest, pseudonym in json.loads(text).items()}
    except (ValueError, AttributeError) as error:
        raise LakeError(f"{KEY} in the lake is not what was stored ({error!r}): restore it from a backup") from error


def add(lake: Lake, values: Mapping[str, str]) -> None:
    """Add pseudonyms by digest. Raises LakeError."""
    lake.put_text(KEY, json.dumps(dict(sorted({**read(lake), **values}.items())), indent=1))


def pseudonymiser(lake: Lake, key: str | None) -> Pseudonymiser | None:
    """The pseudonymiser with the lake's list; None without `key` while nothing was forgotten.

    Raises LakeError, and SettingsError where values were forgotten and there is no key to recognise them.
    """
    found = read(lake)
    if key is not None:
        return Pseudonymiser(key, found)
    if found:
        raise SettingsError(
            f"{len(found)} values were forgotten, and {PSEUDONYM_KEY}, which recognises them, is not set: run `just up`"
        )
    return None
