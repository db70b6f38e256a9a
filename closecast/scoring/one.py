"""Score one raw deal without pandas, within microseconds."""

from dataclasses import dataclass

from closecast import features
from closecast.deals.horizon import QUARTER_END
from closecast.deals.texts import read_product, read_text
from closecast.features.build import UNKNOWN_STAGES, Tables
from closecast.features.history import MISSING_ACCOUNT
from closecast.models.deal_model import DealModel
from closecast.models.feature_text import Entity
from closecast.scoring import stages
from closecast.scoring.question import Question
from closecast.scoring.rules import Deal, require_open


@dataclass(slots=True)
class Answer:
    """The prediction for one deal, and what the journal records of it."""

    probability: float
    by_horizon: dict[str, float]  # HORIZONS by name
    days: tuple[int, ...]  # the distinct horizons, the requested one first
    features: bytes  # float64, little-endian, (len(days), len(features.NAMES))
    unseen: list[str]  # columns whose value the history does not know


def score(model: DealModel, deal: Deal, question: Question) -> Answer:
    """The probability for `question`, and those of HORIZONS, in one pass of the model. Raises NotScorableError."""
    age = (question.as_of - require_open(deal, question.as_of)).days
    tables = model.builder.tables(question.as_of)
    return _answer(model, deal, age, question, tables, tables.horizon_tables(question.days))


def score_at_once(model: DealModel, deal: Deal, question: Question) -> Answer | None:
    """Score like `score`, or return None if tables would have to be made first, which takes milliseconds."""
    tables = model.builder.known(question.as_of)
    horizon_tables = None if tables is None else tables.cached_horizon_tables(question.days)
    if tables is None or horizon_tables is None:
        return None
    age = (question.as_of - require_open(deal, question.as_of)).days
    return _answer(model, deal, age, question, tables, horizon_tables)


def names(deal: Deal) -> tuple[tuple[Entity, str | None], ...]:
    """Normalised agent, product and account, each with its column."""
    return (
        ("sales_agent", read_text(deal.sales_agent)),
        ("product", read_product(deal.product)),
        ("account", read_text(deal.account)),
    )


def account_draw(deal: Deal) -> float:
    """The draw that selects the donor of a deal without an account."""
    return features.uniform_draw(read_text(deal.opportunity_id))


def prepare(model: DealModel) -> None:
    """Make the tables of the last date of the model's data, the default of requests."""
    question = Question.ask(model, None, QUARTER_END)
    model.builder.tables(question.as_of).horizon_tables(question.days)


def _answer(
    model: DealModel,
    deal: Deal,
    age: int,
    question: Question,
    tables: Tables,
    horizon_tables: tuple[features.HorizonTable, ...],
) -> Answer:
    history = model.builder.history
    code_of = history.code
    codes: list[int] = []
    unseen: list[str] = []
    for column, name in names(deal):
        code, known = code_of(column, name)
        codes.append(code)
        if not known and name is not None:
            unseen.append(column)
    agent, product, account = codes
    draw = account_draw(deal) if account == MISSING_ACCOUNT else 0.0
    # Nearly all models know no stage history, and nearly all deals come without one.
    is_without = history.stages is None and deal.stage_history is None
    told = UNKNOWN_STAGES if is_without else stages.values(history.stages, tables, deal)
    answers, block = model.single.score(tables, age, horizon_tables, agent, product, account, draw, told)
    return Answer(answers[0], {name: answers[at] for name, at in question.named}, question.days, block, unseen)
