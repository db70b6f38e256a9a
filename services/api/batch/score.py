"""Scores the deals of a table at once: columns are judged as wholes, and only doubtful rows one by one, as a single deal is."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from closecast.deals.calendar import day_number
from closecast.deals.vocabulary import PRODUCT_ALIASES
from closecast.features.history import ENTITIES, History
from closecast.models.deal_model import DealModel
from closecast.platform.journal.entry import Entry
from closecast.platform.scheduling import give_way
from closecast.scoring.columns import Column
from closecast.scoring.scorable import JUDGED, bar
from services.api.batch.read import DealTable, as_deal
from services.api.problems import InvalidInputError
from services.api.schemas.predictions import MAX_TEXT, ModelVersion
from services.api.serving import scoring

_NO_DAY = -1


@dataclass(frozen=True)
class ScoredTable:
    """A table's n rows, of which k could be scored; what an answer and the journal need of them."""

    table: DealTable
    question: scoring.Question
    rows: NDArray[np.int64]  # (k,): positions in the table, ascending
    probability: NDArray[np.float64]  # (k,)
    features: NDArray[np.float64]  # (k, 23)
    unseen: dict[int, tuple[str, ...]]  # by position: columns whose value the history does not know
    refused: dict[int, InvalidInputError]  # by position
    names: dict[str, Column]  # of ENTITIES, as the model was asked for them
    engaged: Column  # dates

    @property
    def identifiers(self) -> pa.StringArray:
        """Those of the table as answers tell them: an empty one is none."""
        given = self.table.identifiers
        is_empty = pc.equal(given, "")
        return pc.if_else(is_empty, None, given) if pc.any(is_empty).as_py() else given


def score(model: DealModel, table: DealTable, question: scoring.Question, threads: int = 1) -> ScoredTable:
    """Each row's probability, or the reason why it has none: the same as for a single deal."""
    dates, days = _dates(table)
    doubtful = _doubtful(table) | (days < 0) | (days > day_number(question.as_of))
    refused = dict(table.refused)
    for row in np.flatnonzero(doubtful).tolist():
        if row not in refused:
            try:
                scoring.engage_date(as_deal(table.deal(row)), question.as_of)
            except InvalidInputError as error:
                refused[row] = error
    kept = np.ones(len(table), dtype=bool)
    kept[list(refused)] = False
    rows = np.flatnonzero(kept)
    names = {entity: _names(entity, table) for entity in ENTITIES}
    history = model.builder.history
    coded = {entity: (column.positions[rows], column.distinct) for entity, column in names.items()}
    subjects = history.subjects_of(
        days[rows],
        coded,
        lambda unnamed: [scoring.text(one) for one in table.identifiers.take(pa.array(rows[unnamed])).to_pylist()],
    )
    count = len(rows)
    matrix = model.builder.matrix(
        subjects,
        np.arange(count),
        np.full(count, np.datetime64(question.as_of, "D")),
        np.full(count, question.horizon_days, dtype=np.int64),
    )
    give_way()  # before the longest stretch of all
    return ScoredTable(
        table,
        question,
        rows,
        model.scorer.predict(matrix, threads),
        matrix,
        _unseen(history, coded, rows),
        refused,
        names,
        dates,
    )


@dataclass(frozen=True)
class BatchDraft:
    """A batch that was answered: the entry of the journal is made of it afterwards."""

    scored: ScoredTable
    id: UUID
    time: datetime
    request_id: str
    caller: str
    model: ModelVersion

    def __len__(self) -> int:
        return len(self.scored.rows)

    def entry(self) -> Entry:
        """What the journal keeps. There is no entry of a batch of which no row could be scored."""
        scored, question = self.scored, self.scored.question
        positions = scored.rows.tolist()
        unseen: list[list[str]] = [[]] * len(scored.table)
        for row, names in scored.unseen.items():
            unseen[row] = list(names)
        return Entry(
            id=self.id,
            request_id=self.request_id,
            time=self.time,
            caller=self.caller,
            kind="batch",
            as_of=question.as_of,
            horizon_days=question.horizon_days,
            model_version=self.model.version,
            model_run_id=self.model.run_id,
            rows=positions,
            deals={
                "opportunity_id": scored.table.identifiers.take(pa.array(scored.rows)).to_pylist(),
                **{name: column.values(scored.rows) for name, column in scored.table.columns.items()},
            },
            unseen=[unseen[row] for row in positions],
            probability=scored.probability.tolist(),
            probabilities=None,
            days=[question.horizon_days],
            features=scored.features.astype("<f8", copy=False).tobytes(),
        )


def _doubtful(table: DealTable) -> NDArray[np.bool_]:
    """Rows that a closer look may refuse for other reasons than their engage date, (n,)."""
    doubtful = np.zeros(len(table), dtype=bool)
    if not table.checked:
        doubtful |= (
            pc.greater(pc.utf8_length(table.identifiers), MAX_TEXT).fill_null(False).to_numpy(zero_copy_only=False)
        )
    for name, column in table.columns.items():
        bad = np.array([*(_is_doubtful(name, one) for one in column.distinct), False])
        if bad.any():
            doubtful |= bad[column.positions]
    return doubtful


def _is_doubtful(name: str, value: Any) -> bool:
    if isinstance(value, str) and len(value) > MAX_TEXT:
        return True
    return name in JUDGED and bar(name, value) is not None


def _dates(table: DealTable) -> tuple[Column, NDArray[np.int64]]:
    """Engage dates, and their days since 1970-01-01, (n,), negative where there is none that could be an engage date."""
    written = _text(table, "engage_date")
    dates = [None if text is None else scoring.read_date(text) for text in written.distinct]
    days = np.array([*(_NO_DAY if one is None else max(day_number(one), _NO_DAY) for one in dates), _NO_DAY])
    return Column(written.positions, dates), days[written.positions]


def _text(table: DealTable, name: str) -> Column:
    """A column as text without blanks around it. Nothing but blanks is a missing value, and what is longer than any value."""
    column = table.columns.get(name)
    if column is None:
        return Column(np.full(len(table), -1), [])
    texts = [_bounded(scoring.text(one)) for one in column.distinct]
    if None not in texts:
        return Column(column.positions, texts)
    present = np.array([*(one is not None for one in texts), False])
    return Column(np.where(present[column.positions], column.positions, -1), texts)


def _bounded(text: str | None) -> str | None:
    return None if text is None or len(text) > MAX_TEXT else text


def _names(entity: str, table: DealTable) -> Column:
    column = _text(table, entity)
    if entity != "product":
        return column
    return Column(column.positions, [PRODUCT_ALIASES.get(one, one) if one else one for one in column.distinct])


def _unseen(
    history: History, coded: dict[str, tuple[NDArray[np.int64], list[str | None]]], rows: NDArray[np.int64]
) -> dict[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    for entity, (positions, distinct) in coded.items():
        strange = np.array([*(one is not None and not history.code(entity, one)[1] for one in distinct), False])
        for row in rows[strange[positions]].tolist():
            found[row] = (*found.get(row, ()), entity)
    return found
