"""Pseudonyms for names and identifiers: the same name always gets the same one, and only the key's holder can compute it."""

import hmac
import re
import secrets
import unicodedata
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from closecast.deals.texts import read_product, read_text
from closecast.deals.vocabulary import RAW_COLUMNS, TEAM_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

PseudonymColumn = Literal["sales_agent", "account", "product", "opportunity_id", "manager"]
UNKNOWN = "unknown"  # of an export without that column: nobody's name
_PREFIXES = {
    "sales_agent": "agent",
    "account": "account",
    "product": "product",
    "opportunity_id": "deal",
    "manager": "manager",
}
_FORM = re.compile(rf"(?:{'|'.join(_PREFIXES.values())})-[0-9a-f]{{24}}")
_BODY, _CHECK = 20, 4  # hexadecimal digits: 80 bits of the pseudonym, and 16 that prove that it was made with the key
_CACHED = 65_536  # names


class Pseudonymiser:
    """Replaces values by pseudonyms with the secret `key`. Safe from several threads.

    `forgotten` are values that were forgotten, by `digest`, with the random pseudonym of each: it replaces them in every
    column. Other values get the first 80 bits of an HMAC-SHA256 over column and value, as `agent-…`, `account-…`,
    `product-…` or `deal-…`. A pseudonym that was made with this key is left as it is.
    """

    def __init__(self, key: str, forgotten: Mapping[str, str] | None = None) -> None:
        self._key = key.encode()
        self.forgotten = dict(forgotten or {})
        self._kept = lru_cache(_CACHED)(self._computed)

    def digest(self, value: str) -> str:
        """Identifies `value` in the list of forgotten ones, 64 hexadecimal digits; says nothing without the key."""
        return self._mac("forgotten", unicodedata.normalize("NFC", value)).hex()

    def of(self, column: str, value: str) -> str:
        """The pseudonym of `value`, whether or not the column is pseudonymised."""
        if self.forgotten and (found := self.forgotten.get(self.digest(value))) is not None:
            return found
        return value if value == UNKNOWN or self.is_pseudonym(value) else self.keyed(column, value)

    def keyed(self, column: str, value: str) -> str:
        """The pseudonym of `value` that follows from the key, forgotten or not."""
        return self._sealed(column, self._mac(column, value).hex()[:_BODY])

    def random(self, column: str) -> str:
        """A new pseudonym that nothing can be computed from."""
        return self._sealed(column, secrets.token_hex(_BODY // 2))

    def is_pseudonym(self, text: str) -> bool:
        """Whether `text` was made with this key."""
        if not _FORM.fullmatch(text):
            return False
        head, check = text[:-_CHECK], text[-_CHECK:]
        return hmac.compare_digest(self._check(head), check)

    def replaced(self, column: str, value: str | None, columns: Collection[str]) -> str | None:
        """`value` of `column` as it is stored: replaced if the column is one of `columns`, or if it was forgotten."""
        if value is None or not (self.forgotten or column in columns):
            return value
        return self._kept(column, value, column in columns)

    def frame(self, deals: "pd.DataFrame", columns: Collection[str]) -> "pd.DataFrame":
        """Raw deals (RAW_COLUMNS and TEAM_COLUMNS, text) as they are stored; columns of other names are left out. Index kept.

        Managers get pseudonyms where agents do: who hides one hides the other.
        """
        if "sales_agent" in columns:
            columns = {*columns, "manager"}
        found = deals[[name for name in (*RAW_COLUMNS, *TEAM_COLUMNS) if name in deals]].copy()
        for name in found.columns:
            distinct = found[name].drop_duplicates()
            changed = {one: self.replaced(name, one, columns) for one in distinct if isinstance(one, str)}
            found[name] = [changed.get(one, one) for one in found[name]]
        return found

    def _computed(self, column: str, value: str, is_chosen: bool) -> str:
        read: Callable[[str], str | None] = read_product if column == "product" else read_text
        text = read(value)
        if text is None:
            return value
        if is_chosen:
            return self.of(column, text)
        return self.forgotten.get(self.digest(text), value)

    def _sealed(self, column: str, body: str) -> str:
        head = f"{_PREFIXES[column]}-{body}"
        return head + self._check(head)

    def _check(self, head: str) -> str:
        return self._mac("check", head).hex()[:_CHECK]

    def _mac(self, use: str, value: str) -> bytes:
        # Surrogates may stand alone in a caller's text.
        return hmac.digest(self._key, use.encode() + b"\0" + value.encode("utf-8", "surrogatepass"), "sha256")


def throwaway() -> Pseudonymiser:
    """With a key that nobody keeps: for figures that do not depend on what names are called."""
    return Pseudonymiser(secrets.token_urlsafe(32))
