"""Score the deals of a table at once, and keep what the answer and the journal need."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from closecast.models.deal_model import DealModel
from closecast.platform.journal.entry import Entry
from closecast.platform.runtime.scheduling import yield_to_others
from closecast.scoring import many
from closecast.scoring.columns import Column, DealTable
from closecast.scoring.question import Question
from closecast.scoring.rules import NotScorableError
from services.api.schemas.predictions import ModelVersion


@dataclass(frozen=True)
class ScoredTable:
    """A scored table of n rows, of which k have a probability, for the answer and the journal."""

    table: DealTable
    question: Question
    rows: NDArray[np.int64]  # (k,): positions in the table, ascending
    probability: NDArray[np.float64]  # (k,)
    features: NDArray[np.float64]  # (k, features)
    unseen: dict[int, tuple[str, ...]]  # by position: columns whose value the history does not know
    refused: dict[int, NotScorableError]  # by position
    names: dict[str, Column]  # of ENTITIES, normalised
    engaged: Column  # dates

    @property
    def identifiers(self) -> pa.StringArray:
        """The table's identifiers as they are answered: an empty one is null."""
        given = self.table.identifiers
        is_empty = pc.equal(given, "")
        return pc.if_else(is_empty, None, given) if pc.any(is_empty).as_py() else given


def score(model: DealModel, table: DealTable, question: Question, threads: int = 1) -> ScoredTable:
    """Predict each row's probability, or the reason why it has none, as for a single deal."""
    judged = many.check(table, question.as_of)
    features = many.features(model, judged, question)
    yield_to_others()  # before the longest computation
    return ScoredTable(
        table,
        question,
        judged.rows,
        model.scorer.predict(features, threads),
        features,
        many.unseen(model, judged),
        judged.refused.by_row(),
        judged.names,
        judged.engaged,
    )


@dataclass(frozen=True)
class BatchDraft:
    """An answered batch, of which the journal entry is made later."""

    scored: ScoredTable
    id: UUID
    time: datetime
    request_id: str
    caller: str
    model: ModelVersion

    def __len__(self) -> int:
        return len(self.scored.rows)

    def entry(self) -> Entry:
        """Make the journal entry. A batch without a scored row has none."""
        scored, question = self.scored, self.scored.question
        positions = scored.rows.tolist()
        unseen: list[list[str]] = [[]] * len(scored.table)
        for row, names in scored.unseen.items():
            unseen[row] = list(names)
        histories = scored.table.histories
        sent = {"stage_history": [histories.get(row) for row in positions]} if histories else {}
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
                **sent,
            },
            unseen=[unseen[row] for row in positions],
            probability=scored.probability.tolist(),
            probabilities=None,
            days=[question.horizon_days],
            features=scored.features.astype("<f8", copy=False).tobytes(),
        )
