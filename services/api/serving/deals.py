"""One deal of the champion's data: its chance, week by week and by date, the reasons, and past deals like it."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, Literal

import numpy as np
import pandas as pd
from msgspec import convert

from closecast.deals.horizon import MAX_HORIZON_DAYS, QUARTER_END
from closecast.models.deal_model import DealModel
from closecast.platform.mlflow.registry import MODEL_NAME, Served
from closecast.scoring import many
from closecast.scoring.alike import alike
from closecast.scoring.columns import DealTable
from closecast.scoring.question import Question
from closecast.scoring.tables import read_frame
from services.api.schemas.deals import Alike, ChanceBy, DealFacts, Outlook
from services.api.schemas.predictions import Deal, ExplanationBase, ExplanationGroup, ModelVersion
from services.api.serving.explanations import Explainer
from services.api.serving.pseudonyms import Pseudonyms
from services.api.serving.ranking import KNOWN, PRICE, prices

_WEEKS = 12
_CURVE = (7, 14, 30, 60, 90, 120, 180)  # few: the tables of 24 horizons are kept per date, also for predictions
_STATES: dict[str, Literal["prospecting", "open", "won", "lost"]] = {
    "Prospecting": "prospecting",
    "Engaging": "open",
    "Won": "won",
    "Lost": "lost",
}


class NoSuchDealError(LookupError):
    """The served model's data have no deal of this identifier."""


class Deals:
    """Looks up deals of the served model's data. Safe from several threads."""

    def __init__(self, explainer: Explainer, pseudonyms: Pseudonyms) -> None:
        self._explainer, self._pseudonyms = explainer, pseudonyms

    def facts(self, served: Served, identifier: str, question: Question) -> DealFacts:
        """What is known of a deal. Raises NoSuchDealError, and UnavailableError where a pseudonym cannot be made."""
        model = served.model
        row = self.row(model, identifier)
        engaged, closed = _date(row.engage_date), _date(row.close_date)
        state = _STATES[row.deal_stage]
        is_open = engaged is not None and engaged <= question.as_of and not (closed and closed <= question.as_of)
        return DealFacts(
            opportunity_id=row.opportunity_id,
            sales_agent=row.sales_agent,
            product=row.product,
            account=_text(row.account),
            engage_date=engaged,
            state=state,
            close_date=closed,
            close_value=float(row.close_value) if state == "won" else None,
            as_of=question.as_of,
            horizon_days=question.horizon_days,
            by=question.by,
            quarter=question.quarter,
            model=ModelVersion(MODEL_NAME, served.version, served.identity.run_id, model.card.kind),
            past=[] if engaged is None else _past(model, row, engaged, closed, question),
            outlook=self._outlook(served, row, engaged, question) if is_open and engaged is not None else None,
        )

    def row(self, model: DealModel, identifier: str) -> Any:
        """The deal `identifier` of the model's data, as a named tuple. Raises NoSuchDealError or UnavailableError."""
        identifiers = model.deals["opportunity_id"].to_numpy(dtype=object)
        found = np.flatnonzero(identifiers == identifier)
        if not len(found) and model.card.pseudonymised:
            found = np.flatnonzero(identifiers == self._pseudonyms.identifier(identifier, model.card.pseudonymised))
        if not len(found):
            raise NoSuchDealError("the model's data have no deal of this identifier")
        return next(model.deals.iloc[found[:1]].itertuples(index=False))

    def _outlook(self, served: Served, row: Any, engaged: date, question: Question) -> Outlook | None:
        model = served.model
        ahead = sorted({*_CURVE, *question.days})
        table = _table(row)
        curve = list(_chances(model, table, [Question.ask(model, question.as_of, days) for days in ahead]))
        if not curve:
            return None  # the rules refuse the deal, as in the ranking
        deal = Deal(
            engage_date=engaged.isoformat(),
            opportunity_id=row.opportunity_id,
            sales_agent=row.sales_agent,
            product=row.product,
            account=_text(row.account),
        )
        explained, text = self._explainer.explain_known(served, deal, question)
        found = alike(model.deals, row.opportunity_id, engaged, row.product, question, model.card.fiscal)
        return Outlook(
            age_days=(question.as_of - engaged).days,
            probability=next(one.probability for one in curve if one.by == question.by),
            price=_price(model, table, question),
            curve=curve,
            base=ExplanationBase(explained.base, text.base_sentence),
            groups=[ExplanationGroup(one.name, one.title, one.points, one.sentence) for one in text.groups],
            alike=convert(found, Alike, from_attributes=True),
        )


def _past(model: DealModel, row: Any, engaged: date, closed: date | None, question: Question) -> list[ChanceBy]:
    """The chance by one date, week by week: by the question's, or if the deal closed before, by its quarter's end."""
    last = question
    if closed is not None and closed <= question.as_of:
        if closed <= engaged:
            return []
        last = Question.ask(model, closed - timedelta(days=1), QUARTER_END)
    days = [last.as_of - timedelta(weeks=weeks) for weeks in reversed(range(_WEEKS + 1))]
    asked = [
        Question.ask(model, day, (last.by - day).days)
        for day in days
        if day >= engaged and (last.by - day).days <= MAX_HORIZON_DAYS
    ]
    return list(_chances(model, _table(row), asked))


def _chances(model: DealModel, table: DealTable, questions: list[Question]) -> Iterator[ChanceBy]:
    """The answers to `questions`, without those that the rules refuse."""
    for question in questions:
        checked, probabilities = many.score(model, table, question)
        if len(checked.rows):
            yield ChanceBy(question.as_of, question.by, float(probabilities[0]))


def _price(model: DealModel, table: DealTable, question: Question) -> float | None:
    checked = many.check(table, question.as_of)
    return prices(many.features(model, checked, question)[:, PRICE])[0]


def _table(row: Any) -> DealTable:
    return read_frame(pd.DataFrame([{name: getattr(row, name) for name in KNOWN}]))


def _date(value: Any) -> date | None:
    return None if pd.isna(value) else value.date()


def _text(value: Any) -> str | None:
    return None if pd.isna(value) else str(value)
