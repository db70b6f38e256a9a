"""Deals that sales teams treat specially: how many there are, and by which rule each is used or left out.

docs/mapping.md has all the rules; those counted here are the ones that an export's rows show by themselves.
"""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecast.deals.mapping import words
from closecast.deals.mapping.document import Mapping

_KINDS = {"type", "record type", "revenue type", "is renewal", "renewal", "category"}  # of deals, in plain form
_RENEWAL = re.compile(r"\brenew(al|als|ed)?\b|\bverlängerung\b|\brenouvellement\b|\brenovación\b", re.IGNORECASE)
_TITLES = {"name", "title", "titel", "nom", "nombre"}
_CLONE = re.compile(
    r"\((copy|clone|kopie|copie|copia)\b|^(copy|clone|kopie|copie|copia) (of|von|de) |- (copy|kopie)$", re.IGNORECASE
)
_TRUE = {"1", "1.0", "true", "yes", "ja", "oui", "sí"}
_ALIKE = ["sales_agent", "product", "account", "deal_stage", "engage_date", "close_date", "close_value"]


@dataclass(frozen=True)
class Special:
    """`count` deals of one kind, and a sentence with what is done about them."""

    kind: str
    count: int
    sentence: str


def special_deals(raw: pd.DataFrame, mapping: Mapping | None, accepted: pd.DataFrame) -> list[Special]:
    """The kinds of special deals that there are.

    `raw` are the rows of the deals as the CRM wrote them, text; `accepted` the deals that the contract accepted, with
    columns of the contract, datetime64 dates and float64 amounts.
    """
    renewals, where = _renewals(raw, mapping)
    copies = int(_titled(raw).sum())
    alike = int(accepted[accepted["account"].notna()].duplicated(_ALIKE).sum())
    same_day = accepted["close_date"].notna() & (accepted["close_date"] == accepted["engage_date"])
    closed = int(accepted["close_date"].notna().sum())
    found = [
        Special(
            "renewal",
            renewals,
            f"deals that are renewals: {renewals:,} ({where}); they are used like the others; if yours close otherwise than new "
            "business, keep them out with `pipelines`, or export them apart",
        ),
        Special(
            "clone",
            copies,
            f"deals that are copies of another by their name: {copies:,}; each is a deal of its own, as the CRM has it",
        ),
        Special(
            "alike",
            alike,
            f"deals that agree with another in all but their identifier: {alike:,}; up to ten count as lines of one order, and "
            "are measured as one deal; more are rejected",
        ),
        Special(
            "zero-day",
            int(same_day.sum()),
            f"deals that closed on the day they were created: {int(same_day.sum()):,} of {closed:,}, entered when they "
            "were done; they were never open at the end of a day, so no row is learnt from them; they count in win rates",
        ),
    ]
    return [one for one in found if one.count]


def _renewals(raw: pd.DataFrame, mapping: Mapping | None) -> tuple[int, str]:
    """How many rows are renewals, and the column that says so of most."""
    pipeline = None if mapping is None else mapping.columns.pipeline
    best = (0, "")
    for name in raw.columns:
        plain = words.plain(str(name))
        if plain not in _KINDS and name != pipeline:
            continue
        said = raw[name].str.strip().str.lower().isin(_TRUE) if "renewal" in plain else _matches(raw[name], _RENEWAL)
        best = max(best, (int(said.sum()), f"by the column {str(name)[:60]!r}"))
    return best


def _titled(raw: pd.DataFrame) -> NDArray[np.bool_]:
    found = np.zeros(len(raw), dtype=bool)
    for name in raw.columns:
        if words.plain(str(name)) in _TITLES:
            found |= _matches(raw[name], _CLONE).to_numpy()
    return found


def _matches(column: "pd.Series[str]", pattern: "re.Pattern[str]") -> "pd.Series[bool]":
    return column.map(lambda text: bool(pattern.search(text[:500])))
