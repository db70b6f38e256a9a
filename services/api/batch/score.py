"""Scores the deals of a table at once, and keeps what the answer and the journal need of them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from closecast.models.deal_model import DealModel
from closecast.platform.journal.entry import Entry
from closecast.platform.runtime.scheduling import give_way
from closecast.scoring import many
from closecast.scoring.columns import Column, DealTable
from closecast.scoring.question import Question
from closecast.scoring.rules import NotScorableError
from services.api.schemas.predictions import ModelVersion


@dataclass(frozen=True)
class ScoredTable:
    """A table's n rows, of which k could be scored; what an answer and the journal need of them."""

    table: DealTable
    question: Question
    rows: NDArray[np.int64]  # (k,): positions in the table, ascending
    probability: NDArray[np.float64]  # (k,)
    features: NDArray[np.float64]  # (k, 23)
    unseen: dict[int, tuple[str, ...]]  # by position: columns whose value the history does not know
    refused: dict[int, NotScorableError]  # by position
    names: dict[str, Column]  # of ENTITIES, as the model was asked for them
    engaged: Column  # dates

    @property
    def identifiers(self) -> pa.StringArray:
        """Those of the table as answers tell them: an empty one is none."""
        given = self.table.identifiers
        is_empty = pc.equal(given, "")
        return pc.if_else(is_empty, None, given) if pc.any(is_empty).as_py() else given


def score(model: DealModel, table: DealTable, question: Question, threads: int = 1) -> ScoredTable:
    """Each row's probability, or the reason why it has none: the same as for a single deal."""
    judged = many.check(table, question.as_of)
    features = many.features(model, judged, question)
    give_way()  # before the longest stretch of all
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
