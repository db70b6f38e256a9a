"""Schemas of a deal of the model's data, and of people's opinions on it, as msgspec structs."""

from datetime import date, datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from closecast.platform.journal.opinions import LONGEST, Expects
from closecast.scoring.question import Quarter
from closecast.scoring.rules import MAX_TEXT
from services.api.schemas.predictions import BoundedHorizon, ExplanationBase, ExplanationGroup, ModelVersion

Chance = Annotated[float, Meta(ge=0, le=1)]
Identifier = Annotated[str, Meta(description="As in the export")]


class ChanceBy(Struct, frozen=True):
    """The chance to be won after `as_of` and no later than `by`."""

    as_of: date
    by: date
    probability: Chance


class PastDeal(Struct, frozen=True):
    """A past deal on the day `on` when it was as old as this one is, and what became of it within the horizon."""

    opportunity_id: Identifier
    sales_agent: str
    product: str
    account: str | None
    on: date
    stage: Annotated[Literal["Won", "Lost", "Engaging"], Meta(description="Engaging: it stayed open")]
    closed_after_days: int | None


class Alike(Struct, frozen=True):
    """`of` past deals of this age, of which `won` and `lost` closed within the horizon, and the most similar of them."""

    of: int
    won: int
    lost: int
    same_phase: Annotated[bool, Meta(description="Whether they were as far from the quarter's end too")]
    deals: list[PastDeal]


class Outlook(Struct, frozen=True):
    """What is expected of an open deal."""

    age_days: int
    probability: Chance
    price: Annotated[float | None, Meta(description="What the product is usually won at; null if none was won")]
    curve: Annotated[list[ChanceBy], Meta(description="The chance by later and later dates")]
    base: ExplanationBase
    groups: list[ExplanationGroup]
    alike: Alike


class DealFacts(Struct, frozen=True):
    """A deal of the model's data: what became of it, its chance week by week, and while it is open, what is expected.

    `state`, `close_date` and `close_value` are those of the data, also where `as_of` is earlier.
    """

    opportunity_id: Identifier
    sales_agent: str
    product: str
    account: str | None
    engage_date: date | None
    state: Literal["prospecting", "open", "won", "lost"]
    close_date: date | None
    close_value: float | None
    as_of: date
    horizon_days: int
    by: date
    quarter: Quarter
    model: ModelVersion
    past: Annotated[
        list[ChanceBy],
        Meta(description="The chance by one and the same date, as the served model sees it week after week"),
    ]
    outlook: Annotated[Outlook | None, Meta(description="null unless the deal is open as of `as_of`")]


class NewOpinion(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody's own expectation of an open deal, beside the model's."""

    opportunity_id: Annotated[str, Meta(min_length=1, max_length=MAX_TEXT, examples=["1C1I7A6R"])]
    expects: Annotated[Expects, Meta(description="A chance that is higher or lower than the model's")]
    reason: Annotated[
        str, Meta(min_length=1, max_length=LONGEST, examples=["The customer's budget is approved for January."])
    ]
    as_of: date | None = None
    horizon: Annotated[BoundedHorizon, Meta(description='Days from as_of, or "quarter_end"')] = "quarter_end"


class Opinion(Struct, frozen=True):
    """A stored opinion, with the chance that the model gave at that time."""

    opportunity_id: Identifier
    expects: Expects
    reason: str
    by_whom: Annotated[str, Meta(description="The name of whoever told it")]
    told_at: datetime
    as_of: date
    by: date
    probability: Chance
    model_version: str


class Opinions(Struct, frozen=True):
    """The opinions on a deal, the latest first."""

    opinions: list[Opinion]
