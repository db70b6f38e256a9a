"""The question that a prediction answers: an as-of date and a horizon."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from numbers import Real
from typing import TYPE_CHECKING, Any

from closecast.deals.calendar import FiscalCalendar
from closecast.deals.horizon import MAX_HORIZON_DAYS, QUARTER_END, Horizon, horizon_days, quarter_ahead
from closecast.scoring.rules import NotScorableError

if TYPE_CHECKING:
    from closecast.models.deal_model import DealModel

HORIZONS: tuple[Horizon, ...] = (30, 60, 90, QUARTER_END)  # horizons that a single deal is always scored for
_EXPECTED = f'1 to {MAX_HORIZON_DAYS} days, or "{QUARTER_END}"'


@dataclass(frozen=True, slots=True)
class Quarter:
    """The quarter of the model's fiscal year that "quarter_end" means at an as-of date: its first and last day."""

    start: date
    end: date


@dataclass(frozen=True, slots=True)
class Question:
    """An as-of date and a horizon. Made by `ask`, which caches recent ones."""

    as_of: date
    horizon_days: int
    by: date  # the last day on which a win counts
    quarter: Quarter  # what "quarter_end" means at as_of
    days: tuple[int, ...]  # the distinct days of the horizon and HORIZONS, the horizon first
    named: tuple[tuple[str, int], ...]  # position of each of HORIZONS in `days`

    @classmethod
    def ask(cls, model: "DealModel", as_of: date | None, horizon: Horizon) -> "Question":
        """Make a question; `as_of` defaults to the last date of the model's data.

        Raises NotScorableError if out of range.
        """
        card = model.card
        return _question(as_of or card.known_until, horizon, card.fiscal.first_month)


def read_horizon(value: Any) -> Horizon:
    """Parse a horizon from text or a number. Raises NotScorableError unless it is whole days or "quarter_end"."""
    if isinstance(value, str) and value == QUARTER_END:
        return QUARTER_END
    is_whole = isinstance(value, Real) and not isinstance(value, bool) and float(value).is_integer()
    text = str(int(value) if is_whole else value)
    if text.isascii() and text.isdigit() and len(text) <= 4:
        return int(text)
    raise NotScorableError("horizon", value, _EXPECTED, f"horizon {text[:50]!r} is neither days nor {QUARTER_END}")


@lru_cache(maxsize=4096)
def _question(day: date, horizon: Horizon, first_month: int) -> Question:
    fiscal = FiscalCalendar(first_month)
    if not 1990 <= day.year <= 2200:
        raise NotScorableError("as_of", str(day), "a date from 1990 to 2200", f"as_of {day} is out of range")
    try:
        asked = horizon_days(day, horizon, fiscal)
    except ValueError as error:
        raise NotScorableError("horizon", horizon, _EXPECTED, str(error)) from error
    quarter = Quarter(*quarter_ahead(day, fiscal))
    ahead = (quarter.end - day).days
    named = {str(one): ahead if one == QUARTER_END else int(one) for one in HORIZONS}
    days = tuple(dict.fromkeys([asked, *named.values()]))
    return Question(
        day,
        asked,
        day + timedelta(days=asked),
        quarter,
        days,
        tuple((one, days.index(of)) for one, of in named.items()),
    )
