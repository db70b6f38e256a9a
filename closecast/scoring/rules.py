"""The rules for deals that can be scored, value by value, and the errors for those that cannot.

A single deal is checked by each of its values, a table by each distinct value of its columns.
"""

from collections.abc import Sequence
from datetime import date
from numbers import Integral, Real
from typing import Any, Protocol

from closecast.deals import dates
from closecast.deals.texts import read_text
from closecast.deals.vocabulary import CLOSED, STAGES

MAX_TEXT = 500  # characters
PROSPECTING = "Prospecting"
ENDINGS = (
    "deal_stage",
    "close_date",
    "close_value",
)  # columns that can show that a deal has ended, in order of precedence
_OPEN = tuple(stage for stage in STAGES if stage not in CLOSED)
_EARLIEST = 1970
_ENGAGED = "deal.engage_date"


class NotScorableError(ValueError):
    """A deal or question that cannot be scored: `field` has `value` instead of `expected`. The message says why."""

    def __init__(self, field: str, value: Any, expected: str | None, detail: str) -> None:
        super().__init__(detail)
        self.field, self.value, self.expected = field, value, expected


class Change(Protocol):
    """One entry of a stage history as it was sent."""

    @property
    def changed(self) -> str: ...
    @property
    def stage(self) -> str | None: ...
    @property
    def expected_close(self) -> str | None: ...


class Deal(Protocol):
    """A deal in raw columns, None where missing, whose values pass `form`."""

    @property
    def opportunity_id(self) -> str | None: ...
    @property
    def sales_agent(self) -> str | None: ...
    @property
    def product(self) -> str | None: ...
    @property
    def account(self) -> str | None: ...
    @property
    def deal_stage(self) -> str | None: ...
    @property
    def engage_date(self) -> str | None: ...
    @property
    def close_date(self) -> str | None: ...
    @property
    def close_value(self) -> str | float | None: ...
    @property
    def stage_history(self) -> Sequence[Change] | None: ...


def form(name: str, value: Any) -> NotScorableError | None:
    """Check that `value`, which is not missing, has a valid type for the column `name`; None if it has."""
    if isinstance(value, str):
        if len(value) <= MAX_TEXT and (value.isascii() or _is_unicode(value)):
            return None
        words = (
            f"Expected `str` of length <= {MAX_TEXT}" if len(value) > MAX_TEXT else "Expected `str` of valid Unicode"
        )
    elif name != "close_value":
        words = f"Expected `str | null`, got `{_kind(value)}`"
    elif isinstance(value, Real) and not isinstance(value, bool):
        return None
    else:
        words = f"Expected `float | str | null`, got `{_kind(value)}`"
    return NotScorableError(f"deal.{name}", value, "see /schema", f"{words} - at `$.{name}`")


def ending(name: str, value: Any) -> NotScorableError | None:
    """Check that `value` in one of ENDINGS belongs to an open deal; None if it does, or if it is blank."""
    text = read_text(value)
    if text is None:
        return None
    if name == "deal_stage" and text in _OPEN:
        return None
    field = f"deal.{name}"
    if name != "deal_stage":
        return NotScorableError(
            field, value, "nothing: the deal is open", f"{name} is given although the deal is not closed"
        )
    if text in CLOSED:
        return NotScorableError(
            field, text, "Engaging", f"the deal is closed ({text}): there is nothing left to predict"
        )
    return NotScorableError(field, text, f"one of {', '.join(STAGES)}", f"the stage {text[:50]!r} is not known")


def engaged_on(written: str | None, stage: str | None, as_of: date) -> date:
    """The engage date of a deal at `stage`, for scoring as of `as_of`; `written` is its text from `read_text`.

    Raises NotScorableError for a date that is missing, unreadable, later than `as_of`, or before 1970.
    """
    if written is None:
        what = "a deal that is still Prospecting" if read_text(stage) == PROSPECTING else "the deal"
        detail = f"{what} has no engage date; it can be scored once an agent has engaged it"
        raise NotScorableError(_ENGAGED, None, dates.EXPECTED, detail)
    engaged = dates.read_date(written)
    if engaged is None:
        raise NotScorableError(_ENGAGED, written, dates.EXPECTED, f"engage_date {written[:50]!r} is not a date")
    if engaged > as_of:
        detail = f"the deal was engaged on {engaged}, after {as_of}: name a later as_of"
        raise NotScorableError(_ENGAGED, written, f"a date no later than as_of, {as_of}", detail)
    if engaged.year < _EARLIEST:
        raise NotScorableError(_ENGAGED, written, f"a date from {_EARLIEST} on", f"{engaged} is no engage date")
    return engaged


def require_open(deal: Deal, as_of: date) -> date:
    """The engage date of a deal that can be scored as of `as_of`. Raises NotScorableError for others."""
    for name in ENDINGS:
        value = getattr(deal, name)
        if value is not None and (barred := ending(name, value)) is not None:
            raise barred
    return engaged_on(read_text(deal.engage_date), deal.deal_stage, as_of)


def _is_unicode(text: str) -> bool:
    """False for an unpaired surrogate, which no file can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _kind(value: Any) -> str:
    """The JSON type of `value`."""
    kinds = ((bool, "bool"), (Integral, "int"), (Real, "float"), (list | tuple, "array"), (dict, "object"))
    return next((name for kind, name in kinds if isinstance(value, kind)), type(value).__name__)
