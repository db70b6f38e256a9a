"""From a raw deal to its probabilities: checks what the CRM says of it, then asks the model. No pandas on the way of one deal."""

import re
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from msgspec import Struct
from numpy.typing import NDArray

from closecast import features
from closecast.deals.calendar import FiscalCalendar
from closecast.deals.horizon import QUARTER_END, Horizon, horizon_days, quarter_ahead
from closecast.deals.vocabulary import PRODUCT_ALIASES, STAGES
from closecast.features.build import Tables
from closecast.features.history import UNNAMED
from closecast.models.deal_model import DealModel
from closecast.scoring.scorable import IS_CLOSED, UNKNOWN_STAGE, bar
from services.api.problems import InvalidInputError
from services.api.schemas.predictions import Deal, Quarter

HORIZONS: tuple[Horizon, ...] = (30, 60, 90, QUARTER_END)
_WRITTEN = ((re.compile(r"\d{4}-\d{2}-\d{2}"), "%Y-%m-%d"), (re.compile(r"\d{1,2}/\d{1,2}/\d{4}"), "%m/%d/%Y"))
_DATE = "a date written YYYY-MM-DD or M/D/YYYY"


class Question(Struct, frozen=True, gc=False):
    """As of when, and by when."""

    as_of: date
    horizon_days: int
    by: date  # the last day on which a win counts
    quarter: Quarter  # what "quarter_end" means at as_of

    @classmethod
    def ask(cls, model: DealModel, as_of: date | None, horizon: Horizon) -> "Question":
        """`as_of` is the last date of the model's data unless given. Raises InvalidInputError for a horizon out of range."""
        return _question(as_of or model.card.known_until, horizon, model.card.fiscal)


def horizon_of(text: str) -> Horizon:
    """A horizon out of a query parameter. Raises InvalidInputError."""
    if text == QUARTER_END:
        return QUARTER_END
    if text.isascii() and text.isdigit() and len(text) <= 4:
        return int(text)
    expected = f'1 to 366 days, or "{QUARTER_END}"'
    raise InvalidInputError("horizon", text, expected, f"horizon {text[:50]!r} is neither days nor {QUARTER_END}")


def engage_date(deal: Deal, as_of: date) -> date:
    """The engage date of a deal that can be scored as of `as_of`. Raises InvalidInputError when it cannot."""
    stage = text(deal.deal_stage)
    for name, value in (
        ("deal_stage", deal.deal_stage),
        ("close_date", deal.close_date),
        ("close_value", deal.close_value),
    ):
        if value is not None and (barred := bar(name, value)) is not None:
            raise _barred(name, value, barred)
    written = text(deal.engage_date)
    if written is None:
        what = "a deal that is still Prospecting" if stage == "Prospecting" else "the deal"
        raise InvalidInputError(
            "deal.engage_date", None, _DATE, f"{what} has no engage date; it can be scored once an agent has engaged it"
        )
    engaged = read_date(written)
    if engaged is None:
        raise InvalidInputError("deal.engage_date", written, _DATE, f"engage_date {written[:50]!r} is not a date")
    if engaged > as_of:
        raise InvalidInputError(
            "deal.engage_date",
            written,
            f"a date no later than as_of, {as_of}",
            f"the deal was engaged on {engaged}, after {as_of}: name a later as_of",
        )
    if engaged.year < 1970:
        raise InvalidInputError("deal.engage_date", written, "a date from 1970 on", f"{engaged} is no engage date")
    return engaged


def _barred(name: str, value: str | float, barred: str) -> InvalidInputError:
    field, stage = f"deal.{name}", str(value).strip()
    if barred == UNKNOWN_STAGE:
        return InvalidInputError(field, stage, f"one of {', '.join(STAGES)}", f"the stage {stage[:50]!r} is not known")
    if barred == IS_CLOSED:
        return InvalidInputError(
            field, stage, "Engaging", f"the deal is closed ({stage}): there is nothing left to predict"
        )
    return InvalidInputError(
        field, value, "nothing: the deal is open", f"{name} is given although the deal is not closed"
    )


@lru_cache(maxsize=4096)
def read_date(written: str) -> date | None:
    """A date as the contract reads it (closecast.deals.dates.read_dates), None for anything else."""
    for pattern, layout in _WRITTEN:
        if pattern.fullmatch(written):
            try:
                return datetime.strptime(written, layout).date()
            except ValueError:
                return None
    return None


class ScoredDeal(Struct, gc=False):
    """One deal's answer, and what the journal keeps of it."""

    probability: float
    by_horizon: dict[str, float]  # HORIZONS by name
    days: tuple[int, ...]  # the horizons, each once, that asked about first
    features: bytes  # float64, little-endian, (len(days), 23)
    unseen: list[str]  # columns whose value the history does not know


class _Plan(Struct, frozen=True, gc=False):
    """The horizons of a question: the days, each once, and where each of HORIZONS stands among them."""

    days: tuple[int, ...]
    named: tuple[tuple[str, int], ...]


def one(model: DealModel, deal: Deal, question: Question) -> ScoredDeal:
    """The probability for `question`, and those of HORIZONS, in one pass of the model. Raises InvalidInputError."""
    engaged = engage_date(deal, question.as_of)
    plan = _plan(question)
    tables = model.builder.tables(question.as_of)
    return _scored(model, deal, (question.as_of - engaged).days, plan, tables, tables.clocks(plan.days))


def one_at_once(model: DealModel, deal: Deal, question: Question) -> ScoredDeal | None:
    """The same if the tables that it needs are made; making them takes milliseconds."""
    plan = _plan(question)
    tables = model.builder.known(question.as_of)
    clocks = None if tables is None else tables.made_clocks(plan.days)
    if tables is None or clocks is None:
        return None
    age = (question.as_of - engage_date(deal, question.as_of)).days
    return _scored(model, deal, age, plan, tables, clocks)


def _scored(
    model: DealModel, deal: Deal, age: int, plan: _Plan, tables: Tables, clocks: tuple[features.Clock, ...]
) -> ScoredDeal:
    history = model.builder.history
    codes, unseen = [], []
    for column, name in (
        ("sales_agent", text(deal.sales_agent)),
        ("product", product_name(deal)),
        ("account", text(deal.account)),
    ):
        code, known = history.code(column, name)
        codes.append(code)
        if not known and name is not None:
            unseen.append(column)
    agent, product, account = codes
    lot = features.lot(text(deal.opportunity_id)) if account == UNNAMED else 0.0
    answers, block = model.single.score(tables, age, clocks, agent, product, account, lot)
    by_horizon = {name: answers[at] for name, at in plan.named}
    return ScoredDeal(answers[0], by_horizon, plan.days, block, unseen)


@lru_cache(maxsize=4096)
def _question(day: date, horizon: Horizon, fiscal: FiscalCalendar) -> Question:
    if not 1990 <= day.year <= 2200:
        raise InvalidInputError("as_of", str(day), "a date from 1990 to 2200", f"as_of {day} is out of range")
    try:
        days = horizon_days(day, horizon, fiscal)
        return Question(day, days, day + timedelta(days=days), Quarter(*quarter_ahead(day, fiscal)))
    except ValueError as error:
        raise InvalidInputError("horizon", horizon, f'1 to 366 days, or "{QUARTER_END}"', str(error)) from error


@lru_cache(maxsize=4096)
def _plan(question: Question) -> _Plan:
    ahead = (question.quarter.end - question.as_of).days
    named = {str(horizon): ahead if horizon == QUARTER_END else int(horizon) for horizon in HORIZONS}
    days = list(dict.fromkeys([question.horizon_days, *named.values()]))
    return _Plan(tuple(days), tuple((name, days.index(of)) for name, of in named.items()))


def prepare(model: DealModel) -> None:
    """Make the tables of the last date of the model's data, which requests that name no date ask for."""
    question = Question.ask(model, None, QUARTER_END)
    model.builder.tables(question.as_of).clocks(_plan(question).days)


def many(model: DealModel, deals: pd.DataFrame, question: Question) -> NDArray[np.float64]:
    """Probabilities of `deals`, (n,), float64. Columns: opportunity_id, engage_date, sales_agent, product, account."""
    subjects = model.builder.history.subjects(deals)
    count = len(subjects)
    matrix = model.builder.matrix(
        subjects,
        np.arange(count),
        np.full(count, np.datetime64(question.as_of, "D")),
        np.full(count, question.horizon_days, dtype=np.int64),
    )
    return model.scorer.predict(matrix)


def product_name(deal: Deal) -> str | None:
    """The product as the product list writes it, None where it is missing."""
    written = text(deal.product)
    return PRODUCT_ALIASES.get(written, written) if written else None


def text(value: Any) -> str | None:
    """Blank-free text, None for nothing: a CSV has empty text where JSON has null."""
    if value is None:
        return None
    return str(value).strip() or None
