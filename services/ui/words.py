"""The page's sentences: dates, chances, the model's facts and every kind of failure in a sales person's words."""

from datetime import date

from closecast.deals.horizon import Horizon
from services.ui.answers import ModelFacts, Quarter
from services.ui.client import ApiProblemError, ApiUnavailableError

HORIZONS: dict[str, Horizon] = {
    "By quarter end": "quarter_end",
    "Within 7 days": 7,
    "Within 14 days": 14,
    "Within 30 days": 30,
    "Within 60 days": 60,
    "Within 90 days": 90,
}
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


def day(value: date) -> str:
    """31 December 2017."""
    return f"{value.day} {value:%B %Y}"


def quarter(of: Quarter) -> str:
    """Which quarter is meant: fiscal years begin in other months than calendar years."""
    return f"The quarter runs from {day(of.start)} to {day(of.end)}."


def percent(probability: float) -> str:
    """Whole percents, tenths below 10 %; never "0 %" or "100 %", which would be promises."""
    if probability < 0.001:
        return "under 0.1 %"
    if probability > 0.99:
        return "over 99 %"
    return f"{probability:.1%}"[:-1] + " %" if probability < 0.0995 else f"{round(probability * 100)} %"


def points(value: float) -> str:
    """+6.2, -0.4: percentage points of a chance given in 0..1."""
    rounded = round(value * 100, 1)
    return "0.0" if rounded == 0 else f"{rounded:+.1f}"


def counted(count: int, one: str, many: str) -> str:
    """1 deal, 2,089 deals."""
    return f"{count:,} {one if count == 1 else many}"


def named(text: str) -> str:
    """The API's names of fields become the page's."""
    for name, label in _FIELDS.items():
        text = text.replace(name, label)
    return text


def sentence(text: str) -> str:
    """Begins with a capital, ends with a full stop, and calls the fields what the page calls them."""
    text = named(text).strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def model_line(model: ModelFacts) -> str:
    """Which model answers and what it learnt from."""
    source = "synthetic data" if model.source == "synthetic" else model.source.removeprefix("file:")
    return (
        f"Model {model.name}, version {model.version} · trained on {day(model.trained_at)} from "
        f"{source} · data as of {day(model.data_as_of)}"
    )


def evidence_line(model: ModelFacts) -> str | None:
    """How the model did on dates it had not seen, beside the base rate; None where neither horizon was measured."""
    parts = []
    for target, label in (("quarter_end", "by quarter end"), ("30_days", "within 30 days")):
        own = model.metrics.get(f"log_loss_{target}")
        base = model.reference_metrics.get(f"base_rate_log_loss_{target}")
        if own is not None:
            parts.append(f"{own:.3f} {label}" + ("" if base is None else f" (base rate {base:.3f})"))
    return f"Log loss on held-out dates, lower is better: {', '.join(parts)}" if parts else None


def unavailable(error: ApiUnavailableError, then: str = TRIES_AGAIN) -> str:
    """Why there is no answer now, and what `then` happens or is to be done."""
    if error.detail is None:
        return f"The prediction service does not answer at {error.address}. It restarts by itself. {then}"
    return f"The prediction service cannot answer this now. {sentence(error.detail)} {then}"


def no_model(error: ApiUnavailableError) -> str:
    """The service runs but has nothing to predict with yet."""
    return (
        f"There is no model yet: the first one is being trained. {TRIES_AGAIN} "
        f"The service says: {sentence(error.detail or 'nothing')}"
    )


def problem(error: ApiProblemError) -> str:
    """What the service has against the request, and what it expects instead."""
    if error.status in (401, 403):
        return f"The prediction service does not let this page in. {sentence(error.detail)}"
    text = sentence(error.detail)
    if expected := "; ".join(field.expected for field in error.fields if field.expected):
        text += f" Expected: {named(expected)}."
    if error.status >= 500 and error.request_id:
        text += f" The request's number is {error.request_id}."
    return text
