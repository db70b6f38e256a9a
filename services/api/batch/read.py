"""Read the deals of a batch from JSON, CSV or Parquet into columns. An error in one row does not affect the others."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import pyarrow as pa
import pyarrow.csv
from msgspec.structs import astuple

from closecast.deals.vocabulary import RAW_COLUMNS
from closecast.platform.request_limits import MOST_DEALS
from closecast.scoring import rules
from closecast.scoring.columns import Column, DealTable, spread
from closecast.scoring.own_columns import OwnColumns
from closecast.scoring.rules import MAX_TEXT, NotScorableError
from closecast.scoring.tables import read_frame
from services.api.batch import json_columns
from services.api.problems import InvalidInputError
from services.api.schemas.predictions import BatchRequest, BoundedHorizon, Deal, StageEntry
from services.api.schemas.strict_json import not_understood, require_once

if TYPE_CHECKING:
    from closecast.deals.reading.table import RawTable  # imports pandas

_IDENTIFIER = "opportunity_id"
_HEAD = 1 << 16  # bytes in which a CSV's header is
_MOST_LINES = 10 * MOST_DEALS  # of these rows, whose cells may have several
_MOST_ROWS = 2 * MOST_DEALS  # of an export as it is, of which some are no deals
_TEXTS = tuple(name for name in Deal.__struct_fields__ if name in RAW_COLUMNS)
_ENCODED = pa.dictionary(pa.int32(), pa.string())


class _Sent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A BatchRequest whose deals are all valid, decoded at once."""

    deals: Annotated[list[Deal], msgspec.Meta(max_length=MOST_DEALS)]
    as_of: date | None = None
    horizon: BoundedHorizon = "quarter_end"


_DECODER = msgspec.json.Decoder(_Sent)


def read_json(body: bytes, own: OwnColumns | None = None) -> tuple[DealTable, BatchRequest]:
    """Read a BatchRequest: its deals, as-of date and horizon. Deals may be in the columns of a CRM, `own`.

    Raises InvalidInputError for another shape.
    """
    if not body.isascii():
        _require_utf8(body, "JSON", "utf-8")
    try:
        return by_column(body) or by_object(body)
    except (msgspec.DecodeError, RecursionError):
        return _row_by_row(body, own)


def by_column(body: bytes) -> tuple[DealTable, BatchRequest] | None:
    """Read deals that contain only texts without escapes, and null; None for others. `body` is UTF-8.

    Raises msgspec.DecodeError.
    """
    begin, end = body.find(b"[") + 1, body.rfind(b"]")
    records = memoryview(body)[begin:end]
    found = json_columns.read(records, _TEXTS, MAX_TEXT) if 0 < begin <= end else None
    if found is None or found[0] > MOST_DEALS:
        return None
    # There is no other bracket before or after this array: if the rest is a request, the array is its deals.
    around = body[:begin] + body[end:]
    sent = _DECODER.decode(around)
    require_once(around)
    count, texts = found
    given = texts.pop(_IDENTIFIER, None)
    identifiers = pa.nulls(count, pa.string()) if given is None else spread(given.values, given.rows, count)
    columns = {name: Column.of_some(one.values, one.rows, count) for name, one in texts.items() if len(one.rows)}
    return DealTable(identifiers, columns), BatchRequest([], sent.as_of, sent.horizon)


def by_object(body: bytes) -> tuple[DealTable, BatchRequest]:
    """Read deals of any kind. Raises msgspec.DecodeError when one of them is invalid."""
    sent = _DECODER.decode(body)
    require_once(body)
    # Without deals there are no columns.
    named = zip(Deal.__struct_fields__, zip(*map(astuple, sent.deals), strict=True), strict=bool(sent.deals))
    texts = ((name, values) for name, values in named if name in RAW_COLUMNS)
    return _table(texts, len(sent.deals), histories=_histories(sent.deals)), BatchRequest([], sent.as_of, sent.horizon)


def _row_by_row(body: bytes, own: OwnColumns | None) -> tuple[DealTable, BatchRequest]:
    """Read row by row, which is slow but finds the error of each row."""
    try:
        sent = msgspec.json.decode(body, type=BatchRequest)
    except (msgspec.DecodeError, RecursionError) as error:
        found = not_understood(error, body)
        expected = '{"deals": [{…}], "as_of": date?, "horizon": days or "quarter_end"?}, or CSV or Parquet with its Content-Type'
        raise InvalidInputError(found.field, found.value, expected, str(found)) from error
    require_once(body)
    rows, refused = list(sent.deals), {}
    deals: list[Deal | None] = []
    for at, row in enumerate(sent.deals):
        deals.append(None)
        try:
            if own is not None and own.has(row):
                rows[at] = own.translate(row)
            deals[at] = as_deal(rows[at])
        except NotScorableError as error:
            refused[at] = error
    # A refused row is answered with its identifier, if it has a valid one.
    named = [
        (name, [row.get(name) if at not in refused else None for at, row in enumerate(rows)])
        for name in RAW_COLUMNS
        if name != _IDENTIFIER
    ]
    identifier = _IDENTIFIER if own is None else own.mapping.columns.opportunity_id or _IDENTIFIER
    given = [row.get(_IDENTIFIER, row.get(identifier)) for row in rows]
    named.append((_IDENTIFIER, [one if isinstance(one, str) else None for one in given]))
    return _table(named, len(sent.deals), refused, _histories(deals)), msgspec.structs.replace(sent, deals=[])


def as_deal(row: dict[str, Any]) -> Deal:
    """The row as a deal. Raises NotScorableError naming the field that is none of a deal's."""
    try:
        return msgspec.convert(row, Deal)
    except msgspec.ValidationError as error:
        for name in RAW_COLUMNS:  # of several the same one is named whatever the table came in
            if row.get(name) is not None and (wrong_form := rules.form(name, row[name])) is not None:
                raise wrong_form from error
        wrong = str(error).partition(" - at `$.")[2].rstrip("`")
        raise InvalidInputError(
            f"deal.{wrong}" if wrong else "deal", row.get(wrong), "see /schema", str(error)
        ) from error


def read_csv(content: bytes, own: OwnColumns | None = None, is_named: bool = False) -> DealTable:
    """The rows of a CSV export: in the contract's columns and UTF-8, or as a CRM wrote it.

    An export of a CRM is read by `own`, where its columns are there or it `is_named` by the caller, else by the mapping
    that fits with certainty. Columns that are not used are left out. Raises InvalidInputError for another encoding, an
    export that needs a mapping, no rows or more than MOST_DEALS.
    """
    if is_named or b"engage_date" not in content[:_HEAD]:
        return _of_crm(content, own, is_named)
    text = _require_utf8(content, "CSV", "utf-8-sig")
    return quick_csv(content, text) or row_by_row_csv(text)


def _of_crm(content: bytes, own: OwnColumns | None, is_named: bool) -> DealTable:
    # Here, because few batches need it, and the libraries that read any export take half a second to import.
    from closecast.platform.sources.errors import SourceError
    from closecast.platform.sources.mapped import read_table

    lines = max(content.count(b"\n"), content.count(b"\r"))
    if lines > _MOST_LINES:
        detail = f"the CSV has {lines:,} lines: send it in parts"
        raise InvalidInputError("body", None, f"{MOST_DEALS} rows at most", detail)
    try:
        table = read_table(content, "the CSV")
    except SourceError as error:
        raise InvalidInputError("body", None, "a CSV table of deals", str(error)) from error
    if len(table.frame) > _MOST_ROWS:
        raise too_many("the CSV", len(table.frame))
    return of_export(table, "the CSV", own, is_named)


def of_export(table: "RawTable", what: str, own: OwnColumns | None, is_named: bool) -> DealTable:
    """The deals of an export as a CRM wrote it: by `own`, or by the mapping that fits with certainty (see read_csv).

    `what` begins the messages, for example "the CSV". Raises InvalidInputError.
    """
    from closecast.platform.sources.errors import MappingNeededError, SourceError  # as in _of_crm
    from closecast.platform.sources.mapped import mapped

    is_own = own is not None and (is_named or own.fits(table.frame))
    try:
        frame = mapped(table, what, own.fitted(table.frame) if own is not None and is_own else None).frame
    except MappingNeededError as error:
        raise InvalidInputError(
            "body",
            ", ".join(map(str, table.frame.columns))[:500],
            f"some of {', '.join(RAW_COLUMNS)}, or the export of a CRM that the model or the query's mapping knows",
            f"{what} has no column engage_date, and is no export that the model learnt from or whose columns are known",
        ) from error
    except SourceError as error:
        raise InvalidInputError("body", None, "a table of deals", str(error)) from error
    if not 0 < len(frame) <= MOST_DEALS:
        if len(frame):
            raise too_many(what, len(frame))
        raise InvalidInputError("body", None, "one row or more", f"{what} has a header and no deals")
    return read_frame(frame)


def quick_csv(content: bytes, text: str) -> DealTable | None:
    """Read with Arrow if all rows are as long as the header and quotes are balanced; None for others."""
    try:
        header = next(csv.reader([text[: text.find("\n")]], strict=True), [])
        names = [name for name in header if name in RAW_COLUMNS]
        if "engage_date" not in names or len(set(names)) < len(names) or content.count(b'"') % 2:
            return None
        table = pyarrow.csv.read_csv(
            pa.BufferReader(content),
            pyarrow.csv.ReadOptions(use_threads=False, block_size=len(content)),
            pyarrow.csv.ParseOptions(newlines_in_values=True),
            pyarrow.csv.ConvertOptions(
                include_columns=names,
                column_types={name: pa.string() if name == _IDENTIFIER else _ENCODED for name in names},
                strings_can_be_null=False,
            ),
        ).combine_chunks()
    except (csv.Error, pa.ArrowException):
        return None
    if not 0 < len(table) <= MOST_DEALS:
        return None
    columns = dict(zip(names, (column.chunk(0) for column in table.columns), strict=True))
    identifiers = columns.pop(_IDENTIFIER, None)
    return DealTable(
        pa.nulls(len(table), pa.string()) if identifiers is None else identifiers,
        {name: Column.of_arrow(column) for name, column in columns.items()},
    )


def row_by_row_csv(text: str) -> DealTable:
    """Read row by row, which is slow but repairs short and long rows and reports errors by line."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        require_engage_date(header, "the CSV")
        for name in RAW_COLUMNS:
            if header.count(name) > 1:
                raise more_than_once(name, "the CSV")
        # An empty line is no deal.
        rows: list[Sequence[str | None]] = list(islice(filter(None, reader), MOST_DEALS + 1))
    except csv.Error as error:
        raise InvalidInputError("body", None, "a CSV table", f"line {reader.line_num} is not CSV: {error}") from error
    if len(rows) > MOST_DEALS:
        raise too_many("the CSV", f"more than {MOST_DEALS}")
    if not rows:
        raise InvalidInputError("body", None, "one row or more", "the CSV has a header and no rows")
    width = len(header)
    if set(map(len, rows)) != {width}:
        rows = [[*row, *[None] * (width - len(row))][:width] for row in rows]
    named = zip(header, zip(*rows, strict=True), strict=True)
    return _table(((name, values) for name, values in named if name in RAW_COLUMNS), len(rows))


def _require_utf8(content: bytes, kind: str, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        detail = f"the body is not UTF-8 text (byte {error.start})"
        raise InvalidInputError("body", None, f"{kind} in UTF-8", detail) from error


def require_engage_date(names: Sequence[str], what: str) -> None:
    """Raise InvalidInputError when the required column engage_date is missing."""
    if "engage_date" not in names:
        raise InvalidInputError(
            "body",
            ", ".join(names),
            f"a table with some of {', '.join(RAW_COLUMNS)}",
            f"{what} has no column engage_date, without which no deal can be scored",
        )


def more_than_once(name: str, what: str) -> InvalidInputError:
    """The error for a table with an ambiguous column."""
    return InvalidInputError("body", name, "each column once", f"{what} has the column {name} more than once")


def too_many(what: str, count: object) -> InvalidInputError:
    """The error for a batch that is too long."""
    return InvalidInputError("body", None, f"{MOST_DEALS} rows at most", f"{what} has {count} rows: send it in parts")


def _table(
    named: Iterable[tuple[str, Sequence[Any]]],
    rows: int,
    refused: dict[int, NotScorableError] | None = None,
    histories: dict[int, Sequence[StageEntry]] | None = None,
) -> DealTable:
    identifiers = pa.nulls(rows, pa.string())
    columns = {}
    for name, values in named:
        if name == _IDENTIFIER:
            identifiers = pa.array(values, pa.string())
        else:
            column = Column.of_values(values)
            if column.distinct:
                columns[name] = column
    return DealTable(identifiers, columns, refused or {}, histories or {})


def _histories(deals: Iterable[Deal | None]) -> dict[int, Sequence[StageEntry]]:
    """The stage histories that were sent, by row."""
    return {
        row: deal.stage_history for row, deal in enumerate(deals) if deal is not None and deal.stage_history is not None
    }
