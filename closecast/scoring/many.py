"""Score many raw deals: the rules for one deal are applied to the distinct values of each column."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from closecast.deals.calendar import day_number
from closecast.deals.texts import read_product, read_text
from closecast.deals.vocabulary import RAW_COLUMNS
from closecast.features.history import ENTITIES
from closecast.models.deal_model import DealModel
from closecast.scoring import rules, stages
from closecast.scoring.columns import Column, DealTable
from closecast.scoring.question import Question
from closecast.scoring.rules import NotScorableError

_READERS: dict[str, Callable[[Any], str | None]] = {"product": read_product}  # others by read_text


@dataclass(frozen=True)
class CheckedTable:
    """A checked table of n rows, of which k can be scored."""

    table: DealTable
    rows: NDArray[np.int64]  # that can be scored, (k,), ascending
    refused: Column  # of each row, its NotScorableError
    engaged: Column  # dates, missing where there is no valid one
    names: dict[str, Column]  # of ENTITIES


def check(table: DealTable, as_of: date) -> CheckedTable:
    """Check which rows can be scored as of `as_of`, and why the others cannot, with the results of `rules.require_open`."""
    refusals = _Refusals(len(table))
    refusals.add(Column.of_rows(table.refused, len(table)))
    refusals.add(_wrong_identifiers(table))
    sound = {}  # without values of a wrong form
    for name in (one for one in RAW_COLUMNS if one in table.columns):
        column = table.columns[name]
        wrong = [rules.form(name, one) for one in column.distinct]
        refusals.add(Column(column.positions, wrong))
        sound[name] = (
            column
            if not any(wrong)
            else Column(
                column.positions,
                [one if bad is None else None for one, bad in zip(column.distinct, wrong, strict=True)],
            )
        )
    for name in (one for one in rules.ENDINGS if one in sound):
        refusals.add(Column(sound[name].positions, [rules.ending(name, one) for one in sound[name].distinct]))
    written, stage = (_read(sound, name, len(table)) for name in ("engage_date", "deal_stage"))
    checked = Column(written.positions, [_engage_date(one, None, as_of) for one in written.distinct])
    refusals.add(
        Column(checked.positions, [one if isinstance(one, NotScorableError) else None for one in checked.distinct])
    )
    is_missing = written.positions < 0
    if is_missing.any():
        is_prospecting = np.array([*(one == rules.PROSPECTING for one in stage.distinct), False])[stage.positions]
        reasons = [_engage_date(None, at, as_of) for at in (None, rules.PROSPECTING)]
        refusals.add(Column(np.where(is_missing, is_prospecting.astype(np.int64), -1), reasons))
    refusals.add(Column.of_rows(stages.refused(table.histories), len(table)))
    engaged = checked.map(lambda one: one if isinstance(one, date) else None)
    refused = refusals.column()
    rows = np.flatnonzero(refused.positions < 0)
    return CheckedTable(table, rows, refused, engaged, {name: _read(sound, name, len(table)) for name in ENTITIES})


def features(model: DealModel, checked: CheckedTable, question: Question) -> NDArray[np.float64]:
    """Feature values of the rows that can be scored, (k, len(features.NAMES)), float64."""
    rows, table = checked.rows, checked.table
    days = np.array([*(0 if one is None else day_number(one) for one in checked.engaged.distinct), 0])[
        checked.engaged.positions[rows]
    ]
    coded = {name: (column.positions[rows], column.distinct) for name, column in checked.names.items()}
    encoded = model.builder.history.encode_columns(
        days, coded, lambda unnamed: [*map(read_text, table.identifiers.take(pa.array(rows[unnamed])).to_pylist())]
    )
    if (record := model.builder.history.stages) is not None:
        encoded = replace(encoded, stages=stages.of_table(record, table.identifiers, table.histories, rows))
    count = len(rows)
    return model.builder.matrix(
        encoded,
        np.arange(count),
        np.full(count, np.datetime64(question.as_of, "D")),
        np.full(count, question.horizon_days, dtype=np.int64),
    )


def score(model: DealModel, table: DealTable, question: Question) -> tuple[CheckedTable, NDArray[np.float64]]:
    """Check the rows and predict the probabilities of those that can be scored, (k,), float64."""
    checked = check(table, question.as_of)
    return checked, model.scorer.predict(features(model, checked, question))


def unseen(model: DealModel, checked: CheckedTable) -> dict[int, tuple[str, ...]]:
    """The columns with names that the history does not know, by row that can be scored."""
    found: dict[int, tuple[str, ...]] = {}
    rows = checked.rows
    for name, column in checked.names.items():
        known = [one is None or model.builder.history.code(name, one)[1] for one in column.distinct]
        if all(known):
            continue
        is_unknown = ~np.array([*known, True])[column.positions[rows]]
        for row in rows[is_unknown].tolist():
            found[row] = (*found.get(row, ()), name)
    return found


class _Refusals:
    """Collects the reasons why rows cannot be scored; of several, the first one added counts."""

    def __init__(self, count: int) -> None:
        self._positions = np.full(count, -1, dtype=np.int64)
        self._reasons: list[NotScorableError] = []

    def add(self, found: Column) -> None:
        """Add the reasons in `found`, whose values are NotScorableError or None."""
        if not any(found.distinct):
            return
        is_reason = np.array([*(one is not None for one in found.distinct), False])
        fresh = is_reason[found.positions] & (self._positions < 0)
        self._positions[fresh] = found.positions[fresh] + len(self._reasons)
        self._reasons.extend(found.distinct)

    def column(self) -> Column:
        return Column(self._positions, self._reasons)


def _engage_date(written: str | None, stage: str | None, as_of: date) -> date | NotScorableError:
    try:
        return rules.engaged_on(written, stage, as_of)
    except NotScorableError as error:
        return error


def _read(columns: dict[str, Column], name: str, count: int) -> Column:
    column = columns.get(name)
    return Column.missing(count) if column is None else column.map(_READERS.get(name, read_text))


def _wrong_identifiers(table: DealTable) -> Column:
    lengths = pc.binary_length(table.identifiers)  # in bytes, of which a character has one or more
    if (pc.max(lengths).as_py() or 0) <= rules.MAX_TEXT:
        return Column.missing(len(table))
    rows = np.flatnonzero(pc.greater(lengths, rules.MAX_TEXT).fill_null(False).to_numpy(zero_copy_only=False)).tolist()
    return Column.of_rows(
        {row: rules.form("opportunity_id", table.identifiers[row].as_py()) for row in rows}, len(table)
    )
