"""Finds the stage history of deals among the files beside them, and reads it."""

from collections import Counter
from collections.abc import Mapping as Mappings
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import msgspec
import numpy as np
import pandas as pd

from closecast.deals.dates import read_dates
from closecast.deals.mapping import dates, words
from closecast.deals.mapping.document import HistoryColumns, Mapping, MappingError
from closecast.deals.mapping.evidence import Evidence
from closecast.deals.reading.table import RawTable
from closecast.deals.stages import Entry, standings, write

_LEAST = 0.9  # share of a column's values that must fit its use
_EARLIEST = date(1970, 1, 1)
# A history that more of the won deals have than of the lost ones, or fewer, tells how a deal ended by being there.
_UNEVEN = 0.2
_ENOUGH = 20  # deals won, and lost, to judge that


@dataclass(frozen=True)
class Found:
    """The file that is a history and its columns; or, where not all are certain, what has to be asked, and those that are.

    `unknown` is the place of the mapping's history where the answer goes.
    """

    columns: HistoryColumns | None = None
    question: str | None = None
    unknown: str = "changed"
    known: Mappings[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class AppliedHistory:
    """The text of each deal's history (closecast.deals.stages), "" where it has none, and one sentence on what was read.

    `texts` is None where the history is not used.
    """

    texts: "pd.Series[str] | None"
    note: str


def find(beside: Mappings[str, RawTable], identifiers: "pd.Series[str]", stages: "pd.Series[str]") -> Found:
    """Find the stage history of the deals with `identifiers` and `stages` as the export writes them.

    A table is one where one column holds the deals' identifiers, more than once, one the stages that were entered, or
    names of fields with stages among them and their values, and one dates.
    """
    known, named = set(identifiers) - {""}, set(stages) - {""}
    found = [one for name, table in beside.items() if (one := _history(name, table, known, named)) is not None]
    if len(found) > 1 and all(one.columns for one in found):
        names = " or ".join(str(one.columns.file) for one in found if one.columns)
        text = f"which file is the stage history, {names}? Leave one of them in the folder, or name it."
        return Found(None, text, "file", _names(found[0].columns))
    return found[0] if found else Found()


def _history(name: str, table: RawTable, known: set[str], named: set[str]) -> Found | None:
    evidence = {column: Evidence.of(table.frame, column) for column in table.frame.columns}
    deal = next((column for column, one in evidence.items() if _refers(one, known)), None)
    if deal is None:
        return None
    rest = {column: one for column, one in evidence.items() if column != deal}
    found = _by_field(rest) or _by_column(rest, named)
    if found is None:
        return None
    changed = _column("changed", {column: one for column, one in rest.items() if one.dates >= _LEAST})
    if changed is None:
        text = f"which column of {name} is the date from which on a deal was in a stage? Its columns are {', '.join(rest)}."
        return Found(None, text, known={"deal": deal, "file": name, **found})
    return Found(HistoryColumns(deal=deal, changed=changed, file=name, **found))


def _names(columns: HistoryColumns | None) -> dict[str, str]:
    built: dict[str, str] = msgspec.to_builtins(columns)
    return {use: name for use, name in built.items() if use != "file"}


def _refers(one: Evidence, known: set[str]) -> bool:
    """Whether a column refers to deals: nearly all of its values are identifiers, and some occur more than once."""
    cells = sum(count for text, count in one.values.items() if text in known)
    return cells >= _LEAST * max(1, one.rows) and len(one.values) < one.values.total()


def _by_column(found: Mappings[str, Evidence], named: set[str]) -> dict[str, str] | None:
    stages = {column: one for column, one in found.items() if _is_explicit(column) or _are_stages(one.values, named)}
    stage = _column("stage", stages)
    if stage is None:
        return None
    expected = _column("expected_close", {column: one for column, one in found.items() if one.dates >= _LEAST})
    return {"stage": stage} | ({"expected_close": expected} if expected else {})


def _by_field(found: Mappings[str, Evidence]) -> dict[str, str] | None:
    named_by, value = _column("field", found), _column("value", found)
    if named_by is None or value is None:
        return None
    fields = found[named_by].values
    stage = next((text for text in fields if words.plain(text) in words.HISTORY["stage_field"]), None)
    expected = next((text for text in fields if words.plain(text) in words.HISTORY["expected_close_field"]), None)
    chosen = {"stage": stage, "expected_close": expected}
    uses = {use: text for use, text in chosen.items() if text}
    return {"field": named_by, "value": value, **uses} if uses else None


def _column(use: str, found: Mappings[str, Evidence]) -> str | None:
    """The column with the best known name for `use`."""
    return next(iter(words.named(sorted(found), words.HISTORY[use])), None)


def _is_explicit(column: str) -> bool:
    """Whether a column is the stage that a deal entered, whatever its values: a status may be of anything."""
    return words.plain(column) in ("to stage", "new stage")


def _are_stages(values: Mappings[str, int], named: set[str]) -> bool:
    """Whether nearly all values are stages of the deals, or stages of which it is known what they mean."""
    cells = sum(count for text, count in values.items() if text in named or words.meaning(text) is not None)
    return bool(values) and cells >= _LEAST * sum(values.values())


def apply(table: RawTable, columns: HistoryColumns, mapping: Mapping | None, deals: pd.DataFrame) -> AppliedHistory:
    """The histories of `deals`, which have the contract's columns as text.

    Entries later than the day on which their deal closed, those of stages that mean won or lost, and those of unknown
    deals are dropped and counted. Entries of one moment stay in the order of the file. Raises MappingError where
    columns are not there, or dates can be read in two ways.
    """
    frame = table.frame.apply(lambda column: column.str.strip())
    if missing := [name for name in columns.used() if name not in frame]:
        raise MappingError(f"the stage history lacks the mapping's columns {', '.join(map(repr, missing))}")
    stage, expected = _stages_and_dates(frame, columns)
    moments = _moments(frame[columns.changed], columns.changed, mapping)
    closes = _moments(expected, columns.expected_close or "", mapping)
    named = mapping.stages if mapping else {}
    ended = {one for one in stage.unique() if one and words.meaning(one, named) in ("won", "lost")}
    closed = dict(zip(deals["opportunity_id"], read_dates(deals["close_date"]), strict=True))
    entries: dict[str, list[tuple[datetime, Entry]]] = {}
    dropped: Counter[str] = Counter()
    endings: dict[str, datetime] = {}  # the first moment at which a deal's stage meant won or lost
    for deal, moment, name, close in zip(frame[columns.deal], moments, stage, closes, strict=True):
        if not name and close is None:
            continue  # of another field
        if deal not in closed:
            dropped["of deals that are not in the export"] += 1
        elif moment is None or moment.date() < _EARLIEST:
            dropped["without a date"] += 1
        elif pd.Timestamp(moment.date()) > closed[deal]:  # false where the deal is open
            dropped["entered after the deal closed"] += 1
        elif name in ended:
            dropped["that say how the deal ended"] += 1
            endings[deal] = min(moment, endings.get(deal, moment))
        else:
            entry = Entry(moment.date(), name or None, None if close is None else close.date())
            entries.setdefault(deal, []).append((moment, entry))
    ordered = {deal: [entry for _, entry in sorted(own, key=_when)] for deal, own in entries.items()}
    note = _note(ordered, dropped, columns)
    reopened = sum(max(entries[deal], key=_when)[0] > moment for deal, moment in endings.items() if deal in entries)
    if reopened:
        note += f"; deals that were reopened after a stage that means won or lost: {reopened:,}"
    if unused := _uneven(ordered.keys(), deals):
        return AppliedHistory(None, f"{note}; not used: {unused}")
    texts = deals["opportunity_id"].map({deal: write(own) for deal, own in ordered.items()}).fillna("")
    return AppliedHistory(texts, note)


def _when(pair: tuple[datetime, Entry]) -> datetime:
    return pair[0]


def _stages_and_dates(frame: pd.DataFrame, columns: HistoryColumns) -> tuple["pd.Series[str]", "pd.Series[str]"]:
    """The stage and the expected close date of each row, "" where it is not about that."""
    blank = pd.Series("", index=frame.index, dtype=object)
    if columns.field is None:
        return tuple(blank if name is None else frame[name] for name in (columns.stage, columns.expected_close))  # type: ignore[return-value]
    changed, value = frame[columns.field], frame[columns.value]
    return tuple(
        blank if name is None else value.where(changed == name, "") for name in (columns.stage, columns.expected_close)
    )  # type: ignore[return-value]


def _moments(cells: "pd.Series[str]", name: str, mapping: Mapping | None) -> list[datetime | None]:
    counts = Counter(text for text in cells if text)
    judged = dates.examine(counts, name)
    order = judged.order if judged.order in ("dmy", "mdy") else (mapping and mapping.dates) or judged.order
    if order is None and counts:
        raise MappingError(
            f"{judged.ambiguous!r} in the column {name!r} of the stage history can be day-first or month-first; give "
            "`dates: dmy` or `dates: mdy` in the mapping"
        )
    zone = mapping.timezone if mapping else "UTC"
    read = {text: dates.read_moment(text, order, zone) for text in counts}
    return [read.get(text) for text in cells]


def _note(histories: Mappings[str, Sequence[Entry]], dropped: Counter[str], columns: HistoryColumns) -> str:
    kept = sum(map(len, histories.values()))
    back = sum(standings(own)[-1].moves_back for own in histories.values())
    line = f"{columns.file or 'the stage history'}: {kept + dropped.total():,} entries of the stage history"
    if dropped:
        line += f", dropped {', '.join(f'{count:,} {why}' for why, count in dropped.most_common())}"
    return f"{line}; {kept:,} used, of {len(histories):,} deals, with {back:,} move{'s' * (back != 1)} back"


def _uneven(having: object, deals: pd.DataFrame) -> str | None:
    """Why being there tells how a deal ended; None where it does not."""
    has = deals["opportunity_id"].isin(list(having))  # type: ignore[call-overload]
    shares = {stage: has[deals["deal_stage"] == stage] for stage in ("Won", "Lost")}
    if min(map(len, shares.values())) < _ENOUGH:
        return None
    won, lost = (float(np.mean(one)) for one in shares.values())
    if abs(won - lost) <= _UNEVEN:
        return None
    return (
        f"{won:.0%} of the deals won have one and {lost:.0%} of those lost, so that having one tells how a deal ended"
    )
