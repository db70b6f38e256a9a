"""The ranking of the open pipeline: the open deals of the champion's data as of a date."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecast.deals.vocabulary import TEAM_COLUMNS
from closecast.features import NAMES
from closecast.features.history import ENTITIES
from closecast.models.deal_model import DealModel
from closecast.scoring import many
from closecast.scoring.alike import counts
from closecast.scoring.question import Question
from closecast.scoring.tables import read_frame
from services.api.schemas.predictions import OpenDeal, PipelineChoices, PipelineCounts

KNOWN = ("opportunity_id", *ENTITIES, "engage_date")
Order = Literal["probability", "expected_value", "stake"]
PRICE = NAMES.index("product_price_before_as_of")
_KEPT = 4  # of 100,000 open deals each takes some 10 MB
_MOST_NAMES = 1_000


@dataclass(frozen=True)
class Filters:
    """Which open deals are asked for: of one of these names of each kind, and within these bounds, each included.

    `account` is a part of the account's name, in any case. Age is in days, the price what the product is usually won at.
    """

    agents: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    account: str = ""
    managers: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    min_age: int | None = None
    max_age: int | None = None
    min_price: int | None = None
    max_price: int | None = None


@dataclass(frozen=True)
class Ranking:
    """Open deals in order, and sums over all that were asked for."""

    counts: PipelineCounts
    choices: PipelineChoices
    expected_wins: float
    expected_value: float
    deals: list[OpenDeal]


@dataclass(frozen=True, eq=False)
class _Scored:
    """The open deals of one model and question, n of them, scored."""

    deals: pd.DataFrame
    probabilities: NDArray[np.float64]  # (n,)
    price: NDArray[np.float64]  # (n,); 0 where the product was never won
    age: NDArray[np.int64]  # days, (n,)
    alike: NDArray[np.int64]  # past deals of that age, (n,)
    not_scorable: int
    choices: PipelineChoices


class Rankings:
    """Rankings of the served model's open deals, of which the last few are kept. Safe from several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, Question], tuple[DealModel, _Scored]] = OrderedDict()
        self._lock = threading.Lock()

    def rank(
        self,
        model: DealModel,
        question: Question,
        limit: int,
        offset: int,
        filters: Filters = Filters(),
        order: Order = "probability",
        weeks_back: int = 0,
    ) -> Ranking:
        """Rank the open deals that `filters` lets through, and return `limit` of them from `offset` on.

        By `probability`; by `expected_value`, which is the probability times the price; or by `stake`: price times
        p (1 - p), the variance of the outcome, which is greatest where a deal of the same price is least decided. Ties are
        in the order of engagement, then of the export. With `weeks_back`, each deal has its chance of that many weeks
        before too, by the same date. Raises NotScorableError when that is out of range.
        """
        scored = self._scored(model, question)
        rows = np.flatnonzero(_let_through(scored, filters))
        chance, price = scored.probabilities[rows], scored.price[rows]
        worth = {"probability": chance, "expected_value": price * chance, "stake": price * chance * (1 - chance)}
        engaged = scored.deals["engage_date"].to_numpy()[rows]
        places = np.lexsort((rows, engaged, -worth[order]))[offset : offset + limit]
        shown = scored.deals.iloc[rows[places]]
        before = _before(model, shown, question, weeks_back) if weeks_back else [None] * len(shown)
        return Ranking(
            PipelineCounts(open=len(scored.deals), matching=len(rows), not_scorable=scored.not_scorable),
            scored.choices,
            float(chance.sum()),
            float(worth["expected_value"].sum()),
            [
                _open_deal(row, float(probability), question, one, earlier, int(like))
                for row, probability, one, earlier, like in zip(
                    shown.itertuples(index=False),
                    chance[places],
                    prices(price[places]),
                    before,
                    scored.alike[rows[places]],
                    strict=True,
                )
            ],
        )

    def _scored(self, model: DealModel, question: Question) -> _Scored:
        """The scored open deals, kept from before if it is the same model; two threads may make them twice."""
        key = id(model), question
        with self._lock:
            found = self._kept.get(key)
            # The entry holds its model, so no other one can have its id meanwhile.
            if found is not None:
                self._kept.move_to_end(key)
                return found[1]
        made = _score(model, question)
        with self._lock:
            self._kept[key] = model, made
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return made


def _score(model: DealModel, question: Question) -> _Scored:
    moment = pd.Timestamp(question.as_of)
    deals = model.deals
    # Comparisons with a missing date are false: such a deal is not engaged, and not closed.
    then_open = deals[(deals["engage_date"] <= moment) & ~(deals["close_date"] <= moment)]
    # Its later outcome was not known as of this date.
    judged = many.check(read_frame(then_open[list(KNOWN)]), question.as_of)
    values = many.features(model, judged, question)
    found = then_open.iloc[judged.rows]
    engaged = found["engage_date"].to_numpy(dtype="M8[D]")
    age = (np.datetime64(question.as_of, "D") - engaged).astype(np.int64)
    refused = len(then_open) - len(found)
    return _Scored(
        deals=found,
        probabilities=model.scorer.predict(values),
        price=values[:, PRICE].copy(),  # not the whole matrix
        age=age,
        alike=counts(deals, age, question, model.card.fiscal),
        not_scorable=int(deals["engage_date"].isna().sum()) + refused,
        choices=PipelineChoices(*(_names(found, name) for name in ("sales_agent", "product", *TEAM_COLUMNS))),
    )


def _let_through(scored: _Scored, filters: Filters) -> NDArray[np.bool_]:
    """Which of the deals are asked for, (n,)."""
    wanted = np.ones(len(scored.deals), dtype=np.bool_)
    for name, values in (
        ("sales_agent", filters.agents),
        ("product", filters.products),
        ("manager", filters.managers),
        ("region", filters.regions),
    ):
        if values:
            wanted &= scored.deals[name].isin(values).to_numpy() if name in scored.deals else False
    if filters.account:
        part = filters.account.casefold()
        accounts = scored.deals["account"].astype("category").cat
        holds = np.array([*(part in one.casefold() for one in accounts.categories), False])
        wanted &= holds[accounts.codes.to_numpy()]  # a missing account has the code -1
    for values_of, least, most in (
        (scored.age, filters.min_age, filters.max_age),
        (scored.price, filters.min_price, filters.max_price),
    ):
        if least is not None:
            wanted &= values_of >= least
        if most is not None:
            wanted &= values_of <= most
    return wanted


def _names(deals: pd.DataFrame, column: str) -> list[str]:
    return sorted(map(str, deals[column].dropna().unique()))[:_MOST_NAMES] if column in deals else []


def prices(price: NDArray[np.float64]) -> list[float | None]:
    """What each deal's product is usually won at, by its feature; None where none was won before."""
    return [float(one) if one > 0 else None for one in price]


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
    row: Any,
    probability: float,
    question: Question,
    price: float | None,
    probability_before: float | None,
    alike: int,
) -> OpenDeal:
    engaged = row.engage_date.date()
    return OpenDeal(
        opportunity_id=row.opportunity_id,
        sales_agent=row.sales_agent,
        product=row.product,
        account=_text(row.account),
        **{name: _text(getattr(row, name, None)) for name in TEAM_COLUMNS},
        engage_date=engaged,
        age_days=(question.as_of - engaged).days,
        probability=probability,
        price=price,
        probability_before=probability_before,
        alike=alike,
    )


def _text(value: Any) -> str | None:
    return None if pd.isna(value) else str(value)
