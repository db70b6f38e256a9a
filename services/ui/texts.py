"""The page's texts: dates, chances, facts about the model and errors, in a salesperson's words."""

import re
from datetime import date

from closecast.deals.horizon import Horizon
from services.ui import locales, visit
from services.ui.client import ApiProblemError, ApiUnavailableError
from services.ui.responses.deals import Alike, Deal
from services.ui.responses.models import ModelFacts
from services.ui.responses.predictions import Quarter

HORIZONS: dict[str, Horizon] = {
    "By quarter end": "quarter_end",
    "Within 7 days": 7,
    "Within 14 days": 14,
    "Within 30 days": 30,
    "Within 60 days": 60,
    "Within 90 days": 90,
}
# Those that every answer has, by their names in the API.
STANDARD_HORIZONS = {
    "30": "Within 30 days",
    "60": "Within 60 days",
    "90": "Within 90 days",
    "quarter_end": "By quarter end",
}
ROLES = {
    "viewer": "reads the pipeline, models and past answers",
    "scorer": "scores deals too, and checks exports",
    "admin": "lets people and programs in and out too, and rolls models back",
}
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_ISO_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_ENOUGH = 20  # past deals, of which a share says something
TRIES_AGAIN = "This page tries again every few seconds."
# The API names the columns of the CRM export; the page names the fields of its form.
_FIELDS = {
    "as_of": "as-of date",
    "engage_date": "engage date",
    "sales_agent": "agent",
    "deal_stage": "stage",
    "opportunity_id": "deal",
    "close_date": "close date",
    "close_value": "close value",
}


def role(name: str) -> str:
    """Describe a role: "viewer: reads the pipeline, models and past answers"."""
    return f"{name}: {ROLES[name]}"


def short_day(value: date) -> str:
    """Format a date without its year, as people write it where the visitor is: "31 December", "December 31"."""
    return locales.short_day(value)


def amount(value: float, digits: int = 0, *, sign: bool = False) -> str:
    """Format an amount in the data's currency, if they name one: "4,854", "€4,854", "4.854 €"."""
    return locales.money(value, visit.currency(), digits, sign=sign)


def money(value: float, digits: int = 0, *, sign: bool = False) -> str:
    """Format an amount for Markdown, which would take what is between two dollars for a formula."""
    return amount(value, digits, sign=sign).replace("$", r"\$")


def whole(value: int) -> str:
    """Format a whole number: "1,234", "1.234"."""
    return locales.number(value)


def change(now: float, before: float | None) -> str | None:
    """Describe the change of a chance: "+6.2 points", "new"; None where it is the same to the tenth of a point."""
    if before is None:
        return "new"
    text = points(now - before)
    return None if text == points(0) else f"{text} points"


def alike(of: Alike, deal: Deal) -> str:
    """Say how past deals like it went: "Of 104 past deals as old at this time of a quarter, 38 were won in as many days."."""
    days = counted((deal.by - deal.as_of).days, "day", "days")
    if not of.of:
        return f"No past deal of this age is known for as long as {days} after."
    at = ", at the same time of a quarter" if of.same_phase else ""
    of_hundred = f", {round(100 * of.won / of.of)} of 100" if of.of >= _ENOUGH else ", too few to say much"
    return (
        f"Of {counted(of.of, 'past deal', 'past deals')} of this age{at}, {whole(of.won)} "
        f"{'was' if of.won == 1 else 'were'} won within {days}{of_hundred}."
    )


def day(value: date) -> str:
    """Format a date, as people write it where the visitor is: "31 December 2017", "December 31, 2017"."""
    return locales.day(value)


def with_days(text: str) -> str:
    """Write the dates in a sentence of the API, which are YYYY-MM-DD, as people do."""
    return _ISO_DATE.sub(lambda found: day(date.fromisoformat(found[0])), text)


def quarter(of: Quarter) -> str:
    """Describe the quarter, because fiscal years may begin in other months than calendar years."""
    return f"The quarter runs from {day(of.start)} to {day(of.end)}."


def percent(probability: float) -> str:
    """Format a chance in whole percents, in tenths below 10 %; never as "0 %" or "100 %", which would be promises."""
    if probability < 0.001:
        return f"under {locales.number(0.1, 1)} %"
    if probability > 0.99:
        return "over 99 %"
    return f"{locales.number(probability * 100, 1 if probability < 0.0995 else 0)} %"


def points(value: float) -> str:
    """Format percentage points of a chance in 0..1: "+6.2", "-0.4"."""
    rounded = round(value * 100, 1)
    return locales.number(rounded, 1, sign=rounded != 0)


def counted(count: int, one: str, many: str) -> str:
    """Format a count: "1 deal", "2,089 deals"."""
    return f"{whole(count)} {one if count == 1 else many}"


def named(text: str) -> str:
    """Replace the API's field names by the page's."""
    for name, label in _FIELDS.items():
        text = text.replace(name, label)
    return text


def sentence(text: str) -> str:
    """Make a sentence with a capital, a full stop and the page's field names."""
    text = named(text).strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def plain(text: str) -> str:
    """Escape Markdown: text of a stranger's file must not become links, pictures or formulas on the page."""
    return _PUNCTUATION.sub(r"\\\g<0>", " ".join(text.split()))


def model_line(model: ModelFacts) -> str:
    """Describe the model and its training data."""
    source = "synthetic data" if model.source == "synthetic" else model.source.removeprefix("file:")
    what = "Baseline" if model.is_baseline else "Model"
    return (
        f"{what} {model.name}, version {model.version} · trained on {day(model.trained_at)} from "
        f"{source} · data as of {day(model.data_as_of)}"
    )


BASELINE_NOTE = (
    "These are **baseline** chances: from a deal's age and the calendar alone. No model has been better than that on your "
    "deals yet, so agent, product and account do not change a chance. A model takes over as soon as one is better."
)


def evidence_line(model: ModelFacts) -> str | None:
    """The model's log loss on held-out dates and the base rate's; None if neither horizon was measured."""
    parts = []
    for target, label in (("quarter_end", "by quarter end"), ("30_days", "within 30 days")):
        own = model.metrics.get(f"log_loss_{target}")
        base = model.reference_metrics.get(f"base_rate_log_loss_{target}")
        if own is not None:
            parts.append(f"{own:.3f} {label}" + ("" if base is None else f" (base rate {base:.3f})"))
    return f"Log loss on held-out dates, lower is better: {', '.join(parts)}" if parts else None


def unavailable(error: ApiUnavailableError, then: str = TRIES_AGAIN) -> str:
    """Explain why there is no answer now, and what happens or is to be done next (`then`)."""
    if error.detail is None:
        return f"The prediction service does not answer at {error.address}. It restarts by itself. {then}"
    return f"The prediction service cannot answer this now. {sentence(error.detail)} {then}"


def no_model(error: ApiUnavailableError) -> str:
    """Explain that the service runs but has no model yet."""
    return (
        f"There is no model yet: the first one is being trained. {TRIES_AGAIN} "
        f"The service says: {sentence(error.detail or 'nothing')}"
    )


def problem(error: ApiProblemError) -> str:
    """Explain a refused request, and what is expected instead."""
    if error.status in (401, 403):
        return f"The prediction service does not let this page in. {sentence(error.detail)}"
    text = sentence(error.detail)
    if expected := "; ".join(field.expected for field in error.fields if field.expected):
        text += f" Expected: {named(expected)}."
    if error.status >= 500 and error.request_id:
        text += f" The request's id is {error.request_id}."
    return text
