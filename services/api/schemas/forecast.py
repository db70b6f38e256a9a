"""Schemas of the forecast of a quarter's won revenue, as msgspec structs. Amounts are in the currency of the data."""

from datetime import date
from typing import Annotated

from msgspec import Meta, Struct

from closecast.forecast.quarter import GroupBy
from closecast.scoring.question import Quarter
from services.api.schemas.predictions import ModelVersion

Amount = Annotated[float, Meta(description="In the currency of close_value, to the cent")]


class Part(Struct, frozen=True):
    """Deals won, or expected to be won, and what they bring."""

    wins: Annotated[float, Meta(ge=0)]
    value: Amount


class ForecastGroup(Struct, frozen=True):
    """The parts of one product, agent, manager or region; those of all groups add up to the whole."""

    name: Annotated[str | None, Meta(description="Null for the deals without one")]
    closed: Part
    open: Part
    new: Part
    total: Amount


class ForecastChange(Struct, frozen=True):
    """How the forecast came from `before`, as of `since`, to what it is: the parts add up to the cent."""

    since: date
    before: Amount
    model: Annotated[float, Meta(description="The model says something else of the same date than the one before it")]
    time: Annotated[float, Meta(description="Each open deal is older")]
    calendar: Annotated[float, Meta(description="Less of the quarter is left, and more closes are known")]
    won: Annotated[float, Meta(description="Deals won, beyond what was expected of them")]
    lost: Annotated[float, Meta(description="Deals lost, of which something was expected")]
    engaged: Annotated[float, Meta(description="Deals engaged since, beyond those that were expected")]
    after: Amount


class PastForecast(Struct, frozen=True):
    """What was forecast of a quarter as of a date, with its interval, and what happened."""

    as_of: date
    by: date
    total: Amount
    low: Amount
    high: Amount
    actual: Annotated[float | None, Meta(description="The quarter's won revenue; null while the quarter is not over")]
    recorded: Annotated[
        bool,
        Meta(
            description="Whether it was made then, by the model that served; otherwise later, by one of what was known"
        ),
    ]


class CleanUp(Struct, frozen=True):
    """Open deals that are older than any that ever closed."""

    older_than_days: int
    deals: int
    worth: Annotated[float, Meta(description="At the usual prices, if all of them were won")]
    adds: Annotated[float, Meta(description="What they add to the forecast")]


class Forecast(Struct, frozen=True):
    """The won revenue to expect of a quarter: closed, from open deals, and from deals that are not engaged yet."""

    as_of: date
    quarter: Quarter
    model: ModelVersion
    closed: Part
    open: Part
    new: Part
    total: Amount
    low: Amount
    high: Amount
    coverage: Annotated[float, Meta(description="How often the quarter's revenue is to lie between low and high")]
    learnt_from: Annotated[int, Meta(description="Past forecasts from whose errors the interval was learnt")]
    group_columns: Annotated[list[GroupBy], Meta(description="The columns by which these deals can be grouped")]
    groups: list[ForecastGroup]
    change: Annotated[ForecastChange | None, Meta(description="Null in the quarter's first days")]
    last_quarter: Annotated[float | None, Meta(description="Won in the quarter before; null if the data begin later")]
    clean_up: CleanUp
    past: list[PastForecast]
