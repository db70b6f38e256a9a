"""The mapping file: which column means what, which stage is won, and how dates and amounts are written."""

from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

import msgspec

from closecast.deals.pseudonyms import PseudonymColumn

VERSION = 1
OPEN = "?"  # stands where only the user can answer; no value of a mapping
REQUIRED = ("stage", "created", "closed")
Meaning = Literal["open", "won", "lost", "ignored"]
DateOrder = Literal["ymd", "dmy", "mdy"]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Currency = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]


class MappingError(ValueError):
    """A mapping that cannot be used, or does not fit the export."""


class Columns(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The export's name for each thing that is known of a deal; None where it has no such column."""

    stage: Name
    created: Name
    closed: Name | tuple[Name, ...]  # of several, the first that is filled
    opportunity_id: Name | None = None
    sales_agent: Name | None = None
    product: Name | None = None
    account: Name | None = None
    amount: Name | None = None
    currency: Name | None = None
    pipeline: Name | None = None
    manager: Name | None = None  # who leads the agent
    region: Name | None = None

    @property
    def closes(self) -> tuple[str, ...]:
        """The columns of close dates."""
        return (self.closed,) if isinstance(self.closed, str) else self.closed

    def used(self) -> dict[str, str]:
        """The export's column names, each with what it is used for."""
        single = {name: getattr(self, name) for name in self.__struct_fields__ if name != "closed"}
        return {column: use for use, column in single.items() if column} | dict.fromkeys(self.closes, "closed")


class FileFormat(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """How the file is written, where what is detected is wrong; None where it is right."""

    encoding: Name | None = None  # as Python knows it, for example cp1252
    delimiter: Literal[",", ";", "\t", "|"] | None = None
    sheet: Name | None = None


class HistoryColumns(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The names in a second file, the deals' stage history: a row for each entry, or for each field that was changed.

    Of the first kind `stage`, `expected_close` or both are columns. Of the second kind `field` is the column that names
    the changed field and `value` the one with its new value; `stage` and `expected_close` are then names of fields.
    """

    deal: Name  # the column with the deals' identifiers
    changed: Name  # the column with the date from which on it was so
    stage: Name | None = None
    expected_close: Name | None = None
    field: Name | None = None
    value: Name | None = None
    file: Name | None = None  # its name in the folder; not needed where only one has these columns

    def used(self) -> dict[str, str]:
        """The columns' names, each with what it is used for."""
        single = {name: getattr(self, name) for name in ("deal", "changed", "field", "value")}
        if self.field is None:
            single |= {"stage": self.stage, "expected_close": self.expected_close}
        return {column: use for use, column in single.items() if column}


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """One mapping file. What is left out is decided by the export's own evidence, or is not there."""

    version: Literal[1]
    columns: Columns
    stages: dict[Name, Meaning]
    name: str = ""
    dates: DateOrder | None = None
    timezone: Name = "UTC"  # of times of day that name another one
    decimal_mark: Literal[".", ","] | None = None
    rates: dict[Currency, Annotated[float, msgspec.Meta(gt=0)]] = {}  # worth of one unit, in one currency for all
    currency: Currency | None = None  # of the amounts, where they do not name it
    file: FileFormat = FileFormat()
    pipelines: tuple[Name, ...] = ()  # those whose deals are used; all of them where none is named
    fiscal_year_start: Annotated[int, msgspec.Meta(ge=1, le=12)] | None = None  # its first month
    pseudonymise: tuple[PseudonymColumn, ...] = ()  # columns whose values are replaced before anything is stored
    history: HistoryColumns | None = None  # a second file in the folder


def parse(content: bytes | str) -> Mapping:
    """The mapping in a YAML document. Raises MappingError, which names the place and what was expected."""
    try:
        mapping = msgspec.yaml.decode(content, type=Mapping)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MappingError(f"the mapping cannot be read: {' '.join(str(error).split())}") from error
    if mapping.timezone not in available_timezones():
        raise MappingError(f"there is no time zone {mapping.timezone!r}; expected a name such as Europe/Berlin")
    if OPEN in mapping.columns.used():
        raise MappingError(f"the mapping leaves columns.{mapping.columns.used()[OPEN]} open: name a column there")
    if mapping.history is not None:
        _check_history(mapping.history)
    return mapping


def _check_history(history: HistoryColumns) -> None:
    if place := (history.used() | {history.file: "file"}).get(OPEN):
        raise MappingError(f"the mapping leaves history.{place} open: name it")
    if (history.field is None) != (history.value is None):
        raise MappingError("the mapping's history names one of field and value; name both, or neither")
    if history.stage is None and history.expected_close is None:
        raise MappingError("the mapping's history names neither stage nor expected_close; name one of them, or both")


def write(mapping: Mapping) -> str:
    """The YAML document of `mapping`."""
    return msgspec.yaml.encode(mapping, order=None).decode()


def schema() -> dict[str, Any]:
    """The JSON schema of a mapping file, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Closecast mapping file",
        **msgspec.json.schema(Mapping),
    }
