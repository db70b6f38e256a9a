"""The list of features, each with its formula, meaning and cut-off; this is the only place that declares them.

Quarters are those of the fiscal year (closecast.deals.calendar).

A feature is a table by one key: what it says depends on the as-of date and one thing more (the deal's age, the horizon
asked about, its agent, its product, its account, its stage). Training, batch scoring and the API look the same tables
up. Features with the key "stage_history" are of the deal itself, as its history stood before the as-of date.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Key = Literal["as_of", "age", "horizon", "sales_agent", "product", "account", "stage", "stage_history"]
Values = NDArray[np.int64] | NDArray[np.float64]
_BEFORE = "closed strictly before the as-of date"
_CALENDAR = "calendar: known at any time"
_RECENT = "closed within the 90 days strictly before the as-of date"
_ENTERED = "entered in the history strictly before the as-of date"
_OR_UNKNOWN = "; 0 where that is not known"


@dataclass(frozen=True)
class Feature:
    """One column of the matrix: its formula, its meaning, and the cut-off for the facts that may enter it."""

    name: str
    dtype: Literal["int64", "float64"]
    unit: str
    formula: str
    meaning: str
    cut_off: str
    key: Key
    # One entry for each value of the key; shape (1,) where the key is the as-of date, (n,) for the histories of n deals.
    values: Callable[[Any], Values]  # of a State; of Standings where the key is the stage history
    monotone: Literal[-1, 0, 1] = 0  # how the probability may move with it; 1 = never down


# Features of one key are adjacent: they are looked up as one block.
FEATURES: tuple[Feature, ...] = (
    Feature(
        name="days_to_month_end",
        dtype="int64",
        unit="days",
        formula="last day of the as-of date's month - as_of",
        meaning="Time left in the month.",
        cut_off=_CALENDAR,
        key="as_of",
        values=lambda at: at.days_to_month_end(),
    ),
    Feature(
        name="days_to_quarter_end",
        dtype="int64",
        unit="days",
        formula="last day of the as-of date's quarter - as_of",
        meaning="Time left in the quarter: at its end deals are won far more often than lost.",
        cut_off=_CALENDAR,
        key="as_of",
        values=lambda at: at.days_to_quarter_end(),
    ),
    Feature(
        name="month_of_quarter",
        dtype="int64",
        unit="1 to 3",
        formula="1, 2 or 3, of the as-of date",
        meaning="Phase of the quarter.",
        cut_off=_CALENDAR,
        key="as_of",
        values=lambda at: at.month_of_quarter(),
    ),
    Feature(
        name="win_rate_90d_before_as_of",
        dtype="float64",
        unit="share",
        formula="(wins + 20 r) / (closes + 20) of the last 90 days, r the share won of all closes before",
        meaning="Recent win rate of all deals.",
        cut_off=_RECENT,
        key="as_of",
        values=lambda at: at.recent_win_rate(),
    ),
    Feature(
        name="deal_age_days",
        dtype="int64",
        unit="days",
        formula="as_of - engage_date, 731 at most",
        meaning="How long the deal has been open: deals close within two weeks or after two months or more.",
        cut_off="known from the engage date on",
        key="age",
        values=lambda at: at.ages(),
    ),
    Feature(
        name="cycle_stage",
        dtype="int64",
        unit="0 to 4",
        formula="how many of these the age exceeds: quartiles and maximum of the cycles closed before",
        meaning="Stage of the sales cycle at the as-of date. The CRM's own deal_stage is overwritten when a deal closes: "
        "for a deal that was open then it leaks the outcome.",
        cut_off=_BEFORE,
        key="age",
        values=lambda at: at.cycle_stage(),
    ),
    Feature(
        name="share_of_cycles_longer_before_as_of",
        dtype="float64",
        unit="share",
        formula="share of closed cycles longer than the age; 1 while there are none",
        meaning="How common it is to be open at this age.",
        cut_off=_BEFORE,
        key="age",
        values=lambda at: at.share_of_cycles_longer(),
    ),
    Feature(
        name="age_over_longest_cycle_before_as_of",
        dtype="float64",
        unit="ratio",
        formula="age / longest closed cycle; 0 while there is none",
        meaning="Above 1 the deal is older than any that ever closed: most such deals are dead.",
        cut_off=_BEFORE,
        key="age",
        values=lambda at: at.age_over_longest_cycle(),
    ),
    Feature(
        name="close_hazard_before_as_of",
        dtype="float64",
        unit="share a day",
        formula="closes / deal-days at risk, at ages near the deal's (closecast.features.cycles)",
        meaning="How often a deal of this age closes on one day.",
        cut_off=_BEFORE,
        key="age",
        values=lambda at: at.before.cycles.hazard,
    ),
    Feature(
        name="horizon_days",
        dtype="int64",
        unit="days",
        formula="days from the as-of date to the end of the horizon",
        meaning="How long the deal still has: more time never makes a win less likely.",
        cut_off="given by the user",
        key="horizon",
        values=lambda at: at.horizon(),
        monotone=1,
    ),
    Feature(
        name="quarter_end_month_days_in_horizon",
        dtype="int64",
        unit="days",
        formula="days of the horizon that lie in the last month of a quarter",
        meaning="How much of the horizon is in the season of wins.",
        cut_off=_CALENDAR,
        key="horizon",
        values=lambda at: at.quarter_end_month_days(),
        monotone=1,
    ),
    Feature(
        name="close_chance_in_horizon_before_as_of",
        dtype="float64",
        unit="probability",
        formula="life-table chance of a deal of this age to close in the horizon: hazards by age and month of the quarter, "
        "slower where the deals engaged at about the same time closed less often (closecast.features.cohorts)",
        meaning="How likely a deal of this age closes in time, won or lost.",
        cut_off=_BEFORE,
        key="horizon",
        values=lambda at: at.close_chance(),
        monotone=1,
    ),
    Feature(
        name="win_chance_in_horizon_before_as_of",
        dtype="float64",
        unit="probability",
        formula="as above, with each day's chance to close weighted by the share won in that day's month of the quarter",
        meaning="How likely a deal of this age is won in time, by history alone: the initial score of the model.",
        cut_off=_BEFORE,
        key="horizon",
        values=lambda at: at.win_chance(),
        monotone=1,
    ),
    Feature(
        name="agent_win_rate_before_as_of",
        dtype="float64",
        unit="share",
        formula="(wins + 20 r) / (closes + 20) of the agent, r the share won of all closes before",
        meaning="How often this agent's deals are won.",
        cut_off=_BEFORE,
        key="sales_agent",
        values=lambda at: at.win_rate("sales_agent"),
    ),
    Feature(
        name="agent_win_rate_90d_before_as_of",
        dtype="float64",
        unit="share",
        formula="(wins + 20 r) / (closes + 20) of the agent's last 90 days, r the agent's rate over all time",
        meaning="Recent win rate of this agent.",
        cut_off=_RECENT,
        key="sales_agent",
        values=lambda at: at.win_rate_90d("sales_agent"),
    ),
    Feature(
        name="agent_cycle_days_before_as_of",
        dtype="float64",
        unit="days",
        formula="(days from engagement to close, summed, + 20 m) / (closes + 20), m the mean of all closes",
        meaning="How long this agent's deals take.",
        cut_off=_BEFORE,
        key="sales_agent",
        values=lambda at: at.cycle_days("sales_agent"),
    ),
    Feature(
        name="agent_activity_90d_before_as_of",
        dtype="float64",
        unit="ratio",
        formula="(closes + 1) / (closes an agent on average + 1), of the last 90 days",
        meaning="Recent activity of this agent, relative to the others.",
        cut_off=_RECENT,
        key="sales_agent",
        values=lambda at: at.activity_90d("sales_agent"),
    ),
    Feature(
        name="product_price_before_as_of",
        dtype="float64",
        unit="currency",
        formula="mean value of the product's deals won; of all deals won while the product has none; 0 while there are none",
        meaning="What the product sells for.",
        cut_off=_BEFORE,
        key="product",
        values=lambda at: at.price(),
    ),
    Feature(
        name="product_price_change_90d_before_as_of",
        dtype="float64",
        unit="ratio",
        formula="(value won in the last 90 days + 20 p) / (wins + 20) / p - 1, p the product's price before",
        meaning="Whether the product has recently sold above or below its price.",
        cut_off=_RECENT,
        key="product",
        values=lambda at: at.price_change_90d(),
    ),
    Feature(
        name="product_win_rate_before_as_of",
        dtype="float64",
        unit="share",
        formula="(wins + 20 r) / (closes + 20) of the product, r the share won of all closes before",
        meaning="How often deals over this product are won.",
        cut_off=_BEFORE,
        key="product",
        values=lambda at: at.win_rate("product"),
    ),
    Feature(
        name="product_cycle_days_before_as_of",
        dtype="float64",
        unit="days",
        formula="(days from engagement to close, summed, + 20 m) / (closes + 20), m the mean of all closes",
        meaning="How long deals over this product take.",
        cut_off=_BEFORE,
        key="product",
        values=lambda at: at.cycle_days("product"),
    ),
    Feature(
        name="account_win_rate_before_as_of",
        dtype="float64",
        unit="share",
        formula="(wins + 20 r) / (closes + 20) of the account, r the share won of all closes before",
        meaning="How often deals with this account are won. A missing account takes the history of one drawn by the deal's "
        "identifier: in the real export only open deals lack it, so that its absence would leak the outcome.",
        cut_off=_BEFORE,
        key="account",
        values=lambda at: at.win_rate("account"),
    ),
    Feature(
        name="account_activity_90d_before_as_of",
        dtype="float64",
        unit="ratio",
        formula="(closes + 1) / (closes an account on average + 1), of the last 90 days; a missing account as above",
        meaning="Recent activity of this account, won or lost, relative to the others.",
        cut_off=_RECENT,
        key="account",
        values=lambda at: at.activity_90d("account"),
    ),
    Feature(
        name="stage_win_rate_before_as_of",
        dtype="float64",
        unit="share",
        formula="(wins + 20 r) / (closes + 20) of the deals that had been in the deal's stage before the day they closed, r the "
        "share won of all closes before" + _OR_UNKNOWN,
        meaning="How often deals that reach this stage are won.",
        cut_off=_BEFORE + "; the stage " + _ENTERED,
        key="stage",
        values=lambda at: at.stage_win_rate(),
    ),
    Feature(
        name="stage_days_to_close_before_as_of",
        dtype="float64",
        unit="days",
        formula="(days from entering the deal's stage to the close, summed, + 20 m) / (closes + 20), m the mean of all stages"
        + _OR_UNKNOWN,
        meaning="How long deals take from this stage on.",
        cut_off=_BEFORE + "; the stage " + _ENTERED,
        key="stage",
        values=lambda at: at.stage_days_to_close(),
    ),
    Feature(
        name="days_in_stage",
        dtype="int64",
        unit="days",
        formula="as_of - day on which the deal entered its stage" + _OR_UNKNOWN,
        meaning="How long the deal has been in its stage.",
        cut_off=_ENTERED,
        key="stage_history",
        values=lambda of: of.days_in_stage(),
    ),
    Feature(
        name="stages_entered",
        dtype="int64",
        unit="stages",
        formula="how often the deal has entered another stage, the first one included" + _OR_UNKNOWN,
        meaning="How far the deal has moved.",
        cut_off=_ENTERED,
        key="stage_history",
        values=lambda of: of.stages_entered(),
    ),
    Feature(
        name="moves_back",
        dtype="int64",
        unit="moves",
        formula="how often the deal has entered a stage that it had entered before the one it left" + _OR_UNKNOWN,
        meaning="How often the deal was set back.",
        cut_off=_ENTERED,
        key="stage_history",
        values=lambda of: of.moves_back(),
    ),
    Feature(
        name="days_to_expected_close",
        dtype="int64",
        unit="days",
        formula="expected close date - as_of, 0 once it is past" + _OR_UNKNOWN,
        meaning="When the agent expected the close.",
        cut_off=_ENTERED,
        key="stage_history",
        values=lambda of: of.days_to_expected_close(),
    ),
    Feature(
        name="days_past_expected_close",
        dtype="int64",
        unit="days",
        formula="as_of - expected close date, 0 until it is past" + _OR_UNKNOWN,
        meaning="How long the deal has been overdue.",
        cut_off=_ENTERED,
        key="stage_history",
        values=lambda of: of.days_past_expected_close(),
    ),
    Feature(
        name="expected_close_slips",
        dtype="int64",
        unit="changes",
        formula="how often the expected close date was put off" + _OR_UNKNOWN,
        meaning="How often the agent expected too early a close.",
        cut_off=_ENTERED,
        key="stage_history",
        values=lambda of: of.expected_close_slips(),
    ),
)

NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
MONOTONE: tuple[int, ...] = tuple(feature.monotone for feature in FEATURES)
KEYS: tuple[Key, ...] = ("as_of", "age", "horizon", "sales_agent", "product", "account", "stage", "stage_history")
WIN_CHANCE = NAMES.index("win_chance_in_horizon_before_as_of")


def block(key: Key) -> slice:
    """The slice of the matrix's columns that are looked up by `key`."""
    columns = [column for column, feature in enumerate(FEATURES) if feature.key == key]
    return slice(columns[0], columns[-1] + 1)
