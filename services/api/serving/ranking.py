"""The ranking of the open pipeline: the open deals of the champion's data as of a date."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecast.features import NAMES
from closecast.features.history import ENTITIES
from closecast.models.deal_model import DealModel
from closecast.scoring import many
from closecast.scoring.question import Question
from closecast.scoring.tables import read_frame
from services.api.schemas.predictions import OpenDeal, PipelineCounts

KNOWN = ("opportunity_id", *ENTITIES, "engage_date")
Order = Literal["probability", "expected_value", "stake"]
_PRICE = NAMES.index("product_price_before_as_of")


@dataclass(frozen=True)
class Ranking:
    """Open deals in order, and sums over all of them."""

    counts: PipelineCounts
    expected_wins: float
    expected_value: float
    deals: list[OpenDeal]


def rank(
    model: DealModel, question: Question, limit: int, offset: int, order: Order = "probability", weeks_back: int = 0
) -> Ranking:
    """Rank open deals and return `limit` of them from `offset` on; ties are in the order of engagement, then of the export.

    By `probability`; by `expected_value`, which is the probability times the price; or by `stake`: price times p (1 - p),
    the variance of the outcome, which is greatest where a deal of the same price is least decided. With `weeks_back`, each
    deal has its chance of that many weeks before too, by the same date. Raises NotScorableError when that is out of range.
    """
    moment = pd.Timestamp(question.as_of)
    deals = model.deals
    # Comparisons with a missing date are false: such a deal is not engaged, and not closed.
    then_open = deals[(deals["engage_date"] <= moment) & ~(deals["close_date"] <= moment)]
    # Its later outcome was not known as of this date.
    judged = many.check(read_frame(then_open[list(KNOWN)]), question.as_of)
    values = many.features(model, judged, question)
    probabilities, price = model.scorer.predict(values), values[:, _PRICE]
    found = then_open.iloc[judged.rows]
    worth = {
        "probability": probabilities,
        "expected_value": price * probabilities,
        "stake": price * probabilities * (1 - probabilities),
    }
    places = np.lexsort((np.arange(len(found)), found["engage_date"].to_numpy(), -worth[order]))[
        offset : offset + limit
    ]
    shown = found.iloc[places]
    before = _before(model, shown, question, weeks_back) if weeks_back else [None] * len(shown)
    refused = len(then_open) - len(found)
    return Ranking(
        PipelineCounts(open=len(found), not_scorable=int(deals["engage_date"].isna().sum()) + refused),
        float(probabilities.sum()),
        float(worth["expected_value"].sum()),
        [
            _open_deal(row, float(probability), question, one, earlier)
            for row, probability, one, earlier in zip(
                shown.itertuples(index=False), probabilities[places], prices(values[places]), before, strict=True
            )
        ],
    )


def prices(values: NDArray[np.float64]) -> list[float | None]:
    """What each deal's product is usually won at, by its feature values; None where no deal was won before."""
    return [float(one) if one > 0 else None for one in values[:, _PRICE]]


def _before(model: DealModel, shown: pd.DataFrame, question: Question, weeks: int) -> list[float | None]:
    """The chances `weeks` before, by the same date; None for a deal that was not engaged then."""
    day = question.as_of - timedelta(weeks=weeks)
    earlier = Question.ask(model, day, (question.by - day).days)
    chances: list[float | None] = [None] * len(shown)
    there = np.flatnonzero((shown["engage_date"] <= pd.Timestamp(day)).to_numpy())
    judged, probabilities = many.score(model, read_frame(shown.iloc[there][list(KNOWN)]), earlier)
    for place, probability in zip(there[judged.rows].tolist(), probabilities.tolist(), strict=True):
        chances[place] = probability
    return chances


def _open_deal(
    row: Any, probability: float, question: Question, price: float | None, probability_before: float | None
) -> OpenDeal:
    engaged = row.engage_date.date()
    return OpenDeal(
        opportunity_id=row.opportunity_id,
        sales_agent=row.sales_agent,
        product=row.product,
        account=None if pd.isna(row.account) else row.account,
        engage_date=engaged,
        age_days=(question.as_of - engaged).days,
        probability=probability,
        price=price,
        probability_before=probability_before,
    )
