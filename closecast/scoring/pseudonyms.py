"""Replace names in raw deals to score by the pseudonyms that a model's history has."""

from collections.abc import Collection
from typing import Any

import pyarrow as pa

from closecast.deals.pseudonyms import Pseudonymiser
from closecast.deals.vocabulary import RAW_COLUMNS
from closecast.scoring.columns import Column, DealTable

_IDENTIFIER = RAW_COLUMNS[0]
NAMED = (_IDENTIFIER, "sales_agent", "product", "account")


class NoKeyError(ValueError):
    """The model's history holds pseudonyms, or values were forgotten, and there is no key to compute them."""


def table(deals: DealTable, columns: Collection[str], by: Pseudonymiser | None) -> DealTable:
    """`deals` as they are scored and recorded; `columns` are the model's with pseudonyms. Raises NoKeyError."""
    if not wanted(columns, by):
        return deals
    assert by is not None

    def replaced(name: str, value: Any) -> Any:
        return by.replaced(name, value, columns) if isinstance(value, str) else value

    identifiers = pa.array([replaced(_IDENTIFIER, one) for one in deals.identifiers.to_pylist()], pa.string())
    changed = {
        name: Column(column.positions, [replaced(name, one) for one in column.distinct]) if name in NAMED else column
        for name, column in deals.columns.items()
    }
    return DealTable(identifiers, changed, deals.refused)


def wanted(columns: Collection[str], by: Pseudonymiser | None) -> bool:
    """Whether there is anything to replace. Raises NoKeyError where there is, and no key."""
    if by is None and columns:
        raise NoKeyError(f"the model knows {', '.join(columns)} by pseudonyms, and there is no key to compute them")
    return by is not None and bool(columns or by.forgotten)
