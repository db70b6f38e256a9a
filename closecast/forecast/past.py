"""Past forecasts, and how they compare with what happened."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from closecast.deals.calendar import FiscalCalendar, day_number
from closecast.deals.horizon import quarter_ahead
from closecast.forecast import interval
from closecast.forecast.expectation import Expectation
from closecast.forecast.ledger import Ledger


@dataclass(frozen=True)
class Forecast:
    """What was expected as of a date to be won after it and no later than `by`, in cents; the variance not in cents.

    `run_id` is that of the model that served then; None where the model was fitted later with what was known then.
    """

    as_of: date
    by: date
    open_cents: int
    new_cents: int
    variance: float
    run_id: str | None = None

    @property
    def cents(self) -> int:
        return self.open_cents + self.new_cents

    @classmethod
    def of(cls, expected: Expectation, run_id: str | None = None) -> "Forecast":
        """What is kept of an expectation."""
        return cls(
            as_of=expected.as_of,
            by=expected.by,
            open_cents=int(expected.open_cents.sum()),
            new_cents=int(expected.new_cents.sum()),
            variance=expected.variance,
            run_id=run_id,
        )


@dataclass(frozen=True)
class Judged:
    """A forecast of a quarter beside what happened: the quarter's revenue in cents, None while it is not over."""

    forecast: Forecast
    total_cents: int  # with what had been won before in the quarter
    low: float
    high: float
    actual_cents: int | None

    @property
    def is_within(self) -> bool | None:
        """Whether the result lay within the interval; None while it is not known."""
        return None if self.actual_cents is None else self.low <= self.actual_cents / 100 <= self.high


class Errors:
    """By how much past forecasts erred, worked out once for all the dates that learn from them."""

    def __init__(self, ledger: Ledger, made: Iterable[Forecast]) -> None:
        """`ledger` says what happened; a forecast counts from the last day of its window on."""
        known = list(made)
        actual = np.array([ledger.revenue(one.as_of + timedelta(days=1), one.by) for one in known], dtype=np.float64)
        expected = np.array([one.cents for one in known], dtype=np.float64)
        variance = np.array([one.variance for one in known], dtype=np.float64)
        self._ends = np.array([day_number(one.by) for one in known], dtype=np.int64)
        self._errors, self._scales = (actual - expected) / 100, interval.scale(expected / 100, variance)

    def width(self, as_of: date) -> tuple[float, int]:
        """How many times its scale a forecast of `as_of` errs at most, and of how many windows that is known."""
        over = self._ends <= day_number(as_of)
        return interval.width(self._errors[over], self._scales[over]), int(over.sum())


def judged(ledger: Ledger, made: Sequence[Forecast], as_of: date, fiscal: FiscalCalendar) -> Iterator[Judged]:
    """The forecasts of whole quarters made up to `as_of`, in the order of time, one a date: the served model's, if any.

    Each has the interval that was known when it was made.
    """
    errors = Errors(ledger, made)
    of_quarters: dict[date, Forecast] = {}
    for one in made:
        if one.by == quarter_ahead(one.as_of, fiscal)[1] and one.as_of <= as_of:
            known = of_quarters.get(one.as_of)
            if known is None or known.run_id is None:
                of_quarters[one.as_of] = one
    for day in sorted(of_quarters):
        one = of_quarters[day]
        first = quarter_ahead(day, fiscal)[0]
        closed = ledger.revenue(first, day)
        bounds = interval.around(one.cents / 100, one.variance, errors.width(day)[0])
        yield Judged(
            forecast=one,
            total_cents=closed + one.cents,
            low=closed / 100 + bounds.low,
            high=closed / 100 + bounds.high,
            actual_cents=ledger.revenue(first, one.by) if one.by <= as_of else None,
        )


def usable(ledger: Ledger, one: Forecast) -> bool:
    """Whether a forecast is of the time that the ledger's deals tell of."""
    return bool(len(ledger)) and day_number(one.as_of) >= int(ledger.engaged.min())
