"""What is to be forgotten: each value with its kind, and the pseudonym that replaces it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from closecast.deals.pseudonyms import UNKNOWN, Pseudonymiser
from closecast.deals.vocabulary import RAW_COLUMNS, STAGES
from closecast.platform.forget.room import ForgetError

Kind = Literal["id", "account", "agent"]
COLUMNS: dict[Kind, str] = {"id": "opportunity_id", "account": "account", "agent": "sales_agent"}
NAMED = (*COLUMNS.values(), "product", "manager")  # columns whose values are known names
_SHORTEST = 2
_RESERVED = {*STAGES, *RAW_COLUMNS, UNKNOWN, "null", "true", "false"}


def columns_of(values: Sequence[str], kind: Kind | None, known: Mapping[str, Collection[str]]) -> dict[str, str]:
    """The column of each value: that of `kind`, else the one in which it is known.

    `known` are the names in the lake by column. Raises ForgetError for a value that is known in no column or in
    several, is a product, or is a word that the platform itself uses.
    """
    return {value: _column_of(value, kind, known) for value in values}


def _column_of(value: str, kind: Kind | None, known: Mapping[str, Collection[str]]) -> str:
    if value != value.strip() or len(value) < _SHORTEST:
        raise ForgetError(f"{value!r} is too short, or has blanks around it: write it as the export does")
    if value in _RESERVED or value in known.get("product", ()):
        raise ForgetError(f"{value!r} is a product or a word of the platform's own, which stands for no person")
    if kind is not None:
        return COLUMNS[kind]
    found = [name for name, column in COLUMNS.items() if value in known.get(column, ())]
    if len(found) > 1:
        raise ForgetError(f"{value!r} is {' and '.join(found)}: say which by --kind; it is replaced everywhere")
    if not found:
        raise ForgetError(
            f"{value!r} is no identifier, account or agent of a deal in the lake, capitals included; to look for it all the "
            "same, say by --kind what it is"
        )
    return COLUMNS[found[0]]


def pseudonyms(columns: Mapping[str, str], by: Pseudonymiser) -> dict[str, str]:
    """A random pseudonym for each value of `columns`; one that was forgotten before keeps its own."""
    return {value: by.forgotten.get(by.digest(value)) or by.random(column) for value, column in columns.items()}


def everything(chosen: Mapping[str, str], columns: Mapping[str, str], by: Pseudonymiser) -> dict[str, str]:
    """Each text that stands for a value of `chosen`, with its new pseudonym: the value, and what the key makes of it."""
    return {
        text: new for value, new in chosen.items() for text in (value, by.keyed(columns[value], value)) if text != new
    }
