"""Makes forecasts of past dates with what was known then, which the API never does: it fits models."""

from datetime import date, timedelta

import pandas as pd

from closecast.deals.calendar import CALENDAR_YEAR, FiscalCalendar
from closecast.deals.horizon import quarter_ahead
from closecast.forecast.chances import ModelChances
from closecast.forecast.expectation import expect
from closecast.forecast.ledger import Ledger
from closecast.forecast.past import Forecast
from closecast.models import blas, candidate
from closecast.models.data import Data, NotEnoughDataError
from closecast.models.hyperparameters import PRESETS

# Windows beside the quarter's: they are over sooner, so that more is known of the errors.
WINDOW_DAYS = (14, 28, 56, 91)
_WEEK = timedelta(days=7)
_SUNDAY = 6


class Hindsight:
    """Makes forecasts of past dates, each by a model fitted on what was known at the end of the month before.

    The models have the first of PRESETS: searching settings for each month would take hours.
    """

    def __init__(self, deals: pd.DataFrame, fiscal: FiscalCalendar = CALENDAR_YEAR, seed: int = 7, threads: int = 1):
        """`deals` are accepted deals. Raises NotEnoughDataError."""
        self.data, self._seed, self._threads = Data(deals, None, fiscal), seed, threads
        self.ledger = Ledger(self.data.deals)
        self._models: dict[date, ModelChances | None] = {}

    def dates(self) -> list[date]:
        """The Sundays of the data from the first close on: always the same ones, however long the data become."""
        plan = self.data.plan
        sunday = plan.first + timedelta(days=(_SUNDAY - plan.first.weekday()) % 7)
        return [sunday + _WEEK * week for week in range((plan.end - sunday).days // 7 + 1)]

    @blas.one_thread()
    def forecasts(self, as_of: date) -> list[Forecast]:
        """The forecasts of one date, of WINDOW_DAYS and of the quarter; none where too little was known for a model."""
        chances = self._model(as_of)
        if chances is None:
            return []
        history = self.data.builder.history
        ends = {as_of + timedelta(days=days) for days in WINDOW_DAYS} | {quarter_ahead(as_of, self.data.fiscal)[1]}
        return [Forecast.of(expect(self.ledger, history, chances, as_of, by)) for by in sorted(ends)]

    def _model(self, as_of: date) -> ModelChances | None:
        # What was known at the close of a month's last day: labels whose window had ended by then.
        month = (as_of + timedelta(days=1)).replace(day=1)
        if month not in self._models:
            try:
                scorer, _, _ = candidate.fit_before(self.data, PRESETS[:1], self._seed, self._threads, month)
            except NotEnoughDataError:
                self._models[month] = None
            else:
                self._models[month] = ModelChances(self.ledger, scorer, self.data.builder, self._threads)
        return self._models[month]
