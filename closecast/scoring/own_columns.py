"""Deals in the columns and words of the user's own CRM, as the mapping of the model's export has them."""

from collections.abc import Mapping as Record
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from closecast.deals.mapping import dates, words
from closecast.deals.mapping.document import REQUIRED, Mapping, Meaning, parse
from closecast.deals.pseudonyms import UNKNOWN
from closecast.deals.stages import HISTORY
from closecast.deals.vocabulary import RAW_COLUMNS
from closecast.scoring.rules import NotScorableError

if TYPE_CHECKING:
    import pandas as pd  # not for the process that reads uploaded Parquet

_STAGES: dict[Meaning, str] = {"open": "Engaging", "won": "Won", "lost": "Lost"}


@lru_cache(maxsize=8)
def own_columns(mapping: str | None) -> "OwnColumns | None":
    """Of a model's card; None where its export had the contract's columns. Raises MappingError."""
    return None if mapping is None else OwnColumns(parse(mapping))


@dataclass(frozen=True)
class OwnColumns:
    """Brings single deals from the columns of a CRM into the contract's, as `deals.mapping.apply` does for an export."""

    mapping: Mapping

    @cached_property
    def names(self) -> frozenset[str]:
        """The CRM's columns that the contract does not have."""
        return frozenset(self.mapping.columns.used()) - set(RAW_COLUMNS)

    def fitted(self, frame: "pd.DataFrame") -> Mapping:
        """The mapping for a table of deals to score, which may have fewer columns than the export, and other stages.

        Columns that are not required and not there are left out; stages that it does not name get the meaning that
        their words have.
        """
        columns = self.mapping.columns
        absent = {use: None for column, use in columns.used().items() if column not in frame and use not in REQUIRED}
        texts = frame[columns.stage].unique() if columns.stage in frame else ()
        stages = {text: meaning for text in texts if (meaning := words.meaning(text))} | self.mapping.stages
        return msgspec.structs.replace(self.mapping, columns=msgspec.structs.replace(columns, **absent), stages=stages)

    def fits(self, frame: "pd.DataFrame") -> bool:
        """Whether `frame` has the columns that are required."""
        columns = self.mapping.columns
        return {columns.stage, columns.created, *columns.closes} <= set(frame.columns)

    def has(self, record: Record[str, Any]) -> bool:
        """Whether `record` is written in the CRM's columns rather than in the contract's."""
        return "engage_date" not in record and not self.names.isdisjoint(record)

    def translate(self, record: Record[str, Any]) -> dict[str, Any]:
        """The deal in the contract's columns, without those that are empty. Columns without a meaning are left out.

        An open deal's close date and amount are not used, as in training. Its stage history, whose stages are the CRM's
        own, is sent beside it and stays as it is. Raises NotScorableError naming the CRM's column whose value cannot be
        read.
        """
        columns = self.mapping.columns
        stage = self._stage(record)
        deal: dict[str, Any] = {
            "opportunity_id": _text(record, columns.opportunity_id),
            "sales_agent": _text(record, columns.sales_agent) or UNKNOWN,
            "product": _text(record, columns.product) or UNKNOWN,
            "account": UNKNOWN if columns.account is None else _text(record, columns.account),
            "deal_stage": stage,
            "engage_date": self._created(record),
        }
        found = {name: value for name, value in deal.items() if value}
        return found if HISTORY not in record else {**found, HISTORY: record[HISTORY]}

    def _stage(self, record: Record[str, Any]) -> str:
        name = self.mapping.columns.stage
        text = _text(record, name)
        if not text:
            return ""
        meaning = words.meaning(text, self.mapping.stages)
        known = ", ".join(stage for stage, means in self.mapping.stages.items() if means == "open")
        if meaning is None:
            raise NotScorableError(f"deal.{name}", text, f"one of {known}", f"the stage {text[:50]!r} is not known")
        if meaning == "ignored":
            raise NotScorableError(f"deal.{name}", text, f"one of {known}", f"deals at {text[:50]!r} are left out")
        return _STAGES[meaning]

    def _created(self, record: Record[str, Any]) -> str:
        name = self.mapping.columns.created
        text = _text(record, name)
        if not text:
            return ""
        order = self.mapping.dates or dates.examine({text: 1}, name).order
        if order is None:
            detail = f"{text[:50]!r} can be day-first or month-first, and the export does not say which"
            raise NotScorableError(f"deal.{name}", text, "YYYY-MM-DD", detail)
        found = dates.read(text, order, self.mapping.timezone)
        if found is None:
            raise NotScorableError(f"deal.{name}", text, "a date as in the export", f"{text[:50]!r} is not a date")
        return found.isoformat()


def _text(record: Record[str, Any], name: str | None) -> str:
    value = None if name is None else record.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise NotScorableError(f"deal.{name}", value, "a text or a number", f"{name} holds neither text nor a number")
    return str(value).strip()
