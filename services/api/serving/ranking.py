"""The ranking of the open pipeline: the open deals of the champion's data as of a date."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from closecast.features.history import ENTITIES
from closecast.models.deal_model import DealModel
from closecast.scoring import many
from closecast.scoring.question import Question
from closecast.scoring.tables import read_frame
from services.api.schemas.predictions import OpenDeal, PipelineCounts

_KNOWN = ("opportunity_id", *ENTITIES, "engage_date")


@dataclass(frozen=True)
class Ranking:
    """Open deals, most likely first, and sums over all of them."""

    counts: PipelineCounts
    expected_wins: float
    deals: list[OpenDeal]


def rank(model: DealModel, question: Question, limit: int, offset: int) -> Ranking:
    """Rank open deals and return `limit` of them from `offset` on; ties are in the order of engagement, then of the export."""
    moment = pd.Timestamp(question.as_of)
    deals = model.deals
    # Comparisons with a missing date are false: such a deal is not engaged, and not closed.
    then_open = deals[(deals["engage_date"] <= moment) & ~(deals["close_date"] <= moment)]
    # Its later outcome was not known as of this date.
    judged, probabilities = many.score(model, read_frame(then_open[list(_KNOWN)]), question)
    found = then_open.iloc[judged.rows]
    order = np.lexsort((np.arange(len(found)), found["engage_date"].to_numpy(), -probabilities))[
        offset : offset + limit
    ]
    refused = len(then_open) - len(found)
    return Ranking(
        PipelineCounts(open=len(found), not_scorable=int(deals["engage_date"].isna().sum()) + refused),
        float(probabilities.sum()),
        [
            _open_deal(row, float(probability), question)
            for row, probability in zip(found.iloc[order].itertuples(index=False), probabilities[order], strict=True)
        ],
    )


def _open_deal(row: Any, probability: float, question: Question) -> OpenDeal:
    engaged = row.engage_date.date()
    return OpenDeal(
        opportunity_id=row.opportunity_id,
        sales_agent=row.sales_agent,
        product=row.product,
        account=None if pd.isna(row.account) else row.account,
        engage_date=engaged,
        age_days=(question.as_of - engaged).days,
        probability=probability,
    )
