"""The text of each feature in a salesperson's words, and the groups of features in an explanation.

A fact is a clause without a capital or a full stop, so that a sentence can combine several.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Entity = Literal["sales_agent", "product", "account"]


@dataclass(frozen=True)
class FeatureGroup:
    """Features that belong together for a salesperson; the facts of the `lead` features represent the group."""

    name: str
    title: str
    lead: tuple[str, ...]
    entity: Entity | None = None  # whose record it is


@dataclass(frozen=True)
class FeatureText:
    """The text of one feature: its group, its label, and its value as a fact."""

    group: str
    label: str
    fact: Callable[[float], str]


GROUPS: tuple[FeatureGroup, ...] = (
    FeatureGroup("course", "How deals of this age go at this time", ("win_chance_in_horizon_before_as_of",)),
    FeatureGroup("age", "How long the deal has been open", ("deal_age_days", "share_of_cycles_longer_before_as_of")),
    FeatureGroup(
        "calendar", "The time of year and the time left", ("horizon_days", "quarter_end_month_days_in_horizon")
    ),
    FeatureGroup("agent", "The agent's record", ("agent_win_rate_before_as_of",), "sales_agent"),
    FeatureGroup("product", "The product and its price", ("product_win_rate_before_as_of",), "product"),
    FeatureGroup("account", "The account's record", ("account_win_rate_before_as_of",), "account"),
    FeatureGroup("stage", "The deal's stage", ("stage_win_rate_before_as_of", "days_in_stage")),
    FeatureGroup("expected close", "The expected close date", ("days_to_expected_close", "days_past_expected_close")),
)
# Of a deal without a history, in an export without one, there is nothing to say.
OF_HISTORY = ("stage", "expected close")


def days(value: float) -> str:
    """Format a number of days: "1 day", "97 days"."""
    whole = round(value)
    return f"{whole:,} day" + ("" if whole == 1 else "s")


def percent(share: float) -> str:
    """Format a share in whole percents, in tenths below 10 %; a share above 0 is never shown as 0 %."""
    if share < 0.0005:
        return "under 0.1 %" if share > 0 else "0 %"
    return f"{share:.1%}"[:-1] + " %" if share < 0.0995 else f"{round(share * 100)} %"


def _times(ratio: float, what: str, than: str) -> str:
    return f"{ratio:.1f} times as many {what} as {than}"


def _cycle_stage(stage: float) -> str:
    reached = (
        "no older than the quickest quarter of the closed deals when they closed",
        "older than a quarter of the closed deals were when they closed",
        "older than half of the closed deals were when they closed",
        "older than three quarters of the closed deals were when they closed",
        "older than any deal that has closed",
    )
    return f"it is {reached[round(stage)]}"


def _age(age: float) -> str:
    return f"the deal has been open for {days(age)}" + (" or more" if age >= 731 else "")


def _unless_zero(fact: Callable[[float], str], unknown: str) -> Callable[[float], str]:
    """Of the stage history, 0 is said of what is not known as of what has not been."""
    return lambda value: fact(value) if value else unknown


def _often(value: float) -> str:
    count = round(value)
    return ("once", "twice")[count - 1] if count < 3 else f"{count:,} times"


def _price_change(change: float) -> str:
    if abs(change) < 0.0005:
        return "the product has sold at its usual price over the last 90 days"
    return f"the product has sold {abs(change) * 100:.1f} % {'above' if change > 0 else 'below'} its price over the last 90 days"


FEATURE_TEXT: dict[str, FeatureText] = {
    "days_to_month_end": FeatureText("calendar", "Days left in the month", lambda v: f"the month has {days(v)} left"),
    "days_to_quarter_end": FeatureText(
        "calendar", "Days left in the quarter", lambda v: f"the quarter has {days(v)} left"
    ),
    "month_of_quarter": FeatureText(
        "calendar",
        "Month of the quarter",
        lambda v: f"it is the {('first', 'second', 'third')[round(v) - 1]} month of the quarter",
    ),
    "win_rate_90d_before_as_of": FeatureText(
        "calendar",
        "Recent win rate",
        lambda v: f"about {percent(v)} of all deals closed in the last 90 days were won",
    ),
    "deal_age_days": FeatureText("age", "Days open", _age),
    "cycle_stage": FeatureText("age", "Stage of the sales cycle", _cycle_stage),
    "share_of_cycles_longer_before_as_of": FeatureText(
        "age",
        "Closed deals that took longer",
        lambda v: f"{percent(v)} of the closed deals took longer than this one has been open",
    ),
    "age_over_longest_cycle_before_as_of": FeatureText(
        "age",
        "Age relative to the longest deal",
        lambda v: f"its age is {v:.2f} times the longest that any closed deal took",
    ),
    "close_hazard_before_as_of": FeatureText(
        "course",
        "Daily chance of closing at this age",
        lambda v: f"on any one day {percent(v)} of the open deals of this age close",
    ),
    "horizon_days": FeatureText(
        "calendar",
        "Time left",
        lambda v: (
            f"{days(v)} are left until the date asked about"
            if round(v) != 1
            else "1 day is left until the date asked about"
        ),
    ),
    "quarter_end_month_days_in_horizon": FeatureText(
        "calendar",
        "Days in a quarter's last month",
        lambda v: f"{round(v)} of the days until then lie in a quarter's last month, the season of wins",
    ),
    "close_chance_in_horizon_before_as_of": FeatureText(
        "course",
        "Deals of this age that close in time",
        lambda v: f"{percent(v)} of the deals of this age close by then, won or lost",
    ),
    "win_chance_in_horizon_before_as_of": FeatureText(
        "course",
        "Deals of this age that are won in time",
        lambda v: f"as past deals went, {percent(v)} of the deals open at this age are won by then",
    ),
    "agent_win_rate_before_as_of": FeatureText(
        "agent", "Deals won", lambda v: f"about {percent(v)} of the agent's closed deals were won"
    ),
    "agent_win_rate_90d_before_as_of": FeatureText(
        "agent",
        "Recent win rate",
        lambda v: f"about {percent(v)} of the agent's deals closed in the last 90 days were won",
    ),
    "agent_cycle_days_before_as_of": FeatureText(
        "agent", "Days to close", lambda v: f"the agent's deals take about {days(v)} to close"
    ),
    "agent_activity_90d_before_as_of": FeatureText(
        "agent",
        "Deals closed recently",
        lambda v: f"the agent closed {_times(v, 'deals', 'the average agent')} in the last 90 days",
    ),
    "product_price_before_as_of": FeatureText(
        "product", "Price", lambda v: f"the product sells for {v:,.0f} on average"
    ),
    "product_price_change_90d_before_as_of": FeatureText("product", "Recent price change", _price_change),
    "product_win_rate_before_as_of": FeatureText(
        "product", "Deals won", lambda v: f"about {percent(v)} of the closed deals over this product were won"
    ),
    "product_cycle_days_before_as_of": FeatureText(
        "product", "Days to close", lambda v: f"deals over this product take about {days(v)} to close"
    ),
    "account_win_rate_before_as_of": FeatureText(
        "account", "Deals won", lambda v: f"about {percent(v)} of the closed deals with this account were won"
    ),
    "account_activity_90d_before_as_of": FeatureText(
        "account",
        "Deals closed recently",
        lambda v: f"the account closed {_times(v, 'deals', 'the average account')} in the last 90 days",
    ),
    "stage_win_rate_before_as_of": FeatureText(
        "stage",
        "Deals won from this stage",
        _unless_zero(
            lambda v: f"about {percent(v)} of the closed deals that had reached this stage were won",
            "the deal's stage is not known",
        ),
    ),
    "stage_days_to_close_before_as_of": FeatureText(
        "stage",
        "Days to close from this stage",
        _unless_zero(
            lambda v: f"deals take about {days(v)} to close from this stage on",
            "how long deals take from this stage on is not known",
        ),
    ),
    "days_in_stage": FeatureText(
        "stage",
        "Days in its stage",
        _unless_zero(
            lambda v: f"the deal has been in its stage for {days(v)}", "how long it has been there is not known"
        ),
    ),
    "stages_entered": FeatureText(
        "stage",
        "Stages entered",
        _unless_zero(
            lambda v: f"it has entered {round(v):,} stage" + ("" if round(v) == 1 else "s"),
            "no stage is known that it has entered",
        ),
    ),
    "moves_back": FeatureText(
        "stage",
        "Moves back",
        _unless_zero(lambda v: f"it has moved back {_often(v)}", "it is not known to have moved back"),
    ),
    "days_to_expected_close": FeatureText(
        "expected close",
        "Days to the expected close",
        _unless_zero(lambda v: f"its close is expected in {days(v)}", "no expected close date ahead of it is known"),
    ),
    "days_past_expected_close": FeatureText(
        "expected close",
        "Days past the expected close",
        _unless_zero(lambda v: f"it is {days(v)} overdue", "it is not known to be overdue"),
    ),
    "expected_close_slips": FeatureText(
        "expected close",
        "Times put off",
        _unless_zero(
            lambda v: f"its expected close was put off {_often(v)}", "its close is not known to have been put off"
        ),
    ),
}
