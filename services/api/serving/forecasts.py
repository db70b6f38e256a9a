"""The forecast of the quarter ahead by the served model."""

import threading
from collections.abc import Sequence

from closecast.deals.calendar import FiscalCalendar
from closecast.forecast import past
from closecast.forecast.chances import ModelChances
from closecast.forecast.interval import COVERAGE
from closecast.forecast.ledger import Ledger
from closecast.forecast.quarter import GroupBy, Part, QuarterForecast, forecast, group_columns
from closecast.models.deal_model import DealModel
from closecast.platform.mlflow.registry import MODEL_NAME, Served
from closecast.scoring.question import Question
from closecast.scoring.rules import NotScorableError
from services.api.schemas import forecast as schema
from services.api.schemas.predictions import ModelVersion

_PAST = 156  # weeks of which forecasts are answered


class Forecasts:
    """Forecasts of the served model's deals; the arrays of the last model are kept. Safe from several threads."""

    def __init__(self) -> None:
        self._kept: tuple[DealModel, Ledger] | None = None
        self._lock = threading.Lock()

    def forecast(
        self, served: Served, question: Question, made: Sequence[past.Forecast], group_by: GroupBy
    ) -> schema.Forecast:
        """Forecast the question's quarter; `made` are recorded forecasts of the same source.

        Raises NotScorableError for a date by which no deal had been won, and for a column that the deals do not have.
        """
        model = served.model
        ledger = self._ledger(model)
        if not ledger.values(question.as_of)[0].any():
            raise NotScorableError(
                "as_of",
                str(question.as_of),
                "a date by which a deal had been won with a value",
                f"no deal had been won with a value by {question.as_of}: there is nothing to forecast revenue from",
            )
        splits = group_columns(ledger)
        if group_by not in splits:
            raise NotScorableError(
                "group_by", group_by, f"one of {', '.join(splits)}", f"the deals of this model have no {group_by}"
            )
        chances = ModelChances(ledger, model.scorer, model.builder)
        usable = [one for one in made if past.usable(ledger, one)]
        found = forecast(ledger, model.builder.history, chances, question.as_of, usable, group_by)
        version = ModelVersion(MODEL_NAME, served.version, served.identity.run_id, model.card.kind)
        return _answer(found, question, version, splits, _past(ledger, usable, question, model.card.fiscal))

    def _ledger(self, model: DealModel) -> Ledger:
        with self._lock:
            if self._kept is None or self._kept[0] is not model:
                self._kept = model, Ledger(model.deals)
            return self._kept[1]


def _answer(
    found: QuarterForecast,
    question: Question,
    model: ModelVersion,
    splits: list[GroupBy],
    past_forecasts: list[schema.PastForecast],
) -> schema.Forecast:
    change, old = found.change, found.clean_up
    return schema.Forecast(
        as_of=found.as_of,
        quarter=question.quarter,
        model=model,
        closed=_part(found.closed),
        open=_part(found.open),
        new=_part(found.new),
        total=found.cents / 100,
        low=round(found.bounds.low, 2),
        high=round(found.bounds.high, 2),
        coverage=COVERAGE,
        learnt_from=found.windows,
        group_columns=splits,
        groups=[
            schema.ForecastGroup(one.name, _part(one.closed), _part(one.open), _part(one.new), one.cents / 100)
            for one in found.groups
        ],
        change=None
        if change is None
        else schema.ForecastChange(
            since=change.since,
            **{
                name: getattr(change, name) / 100
                for name in ("before", "model", "time", "calendar", "won", "lost", "engaged", "after")
            },
        ),
        last_quarter=None if found.last_quarter_cents is None else found.last_quarter_cents / 100,
        clean_up=schema.CleanUp(old.older_than, old.deals, old.worth_cents / 100, old.adds_cents / 100),
        past=past_forecasts,
    )


def _past(
    ledger: Ledger, made: Sequence[past.Forecast], question: Question, fiscal: FiscalCalendar
) -> list[schema.PastForecast]:
    known = list(past.judged(ledger, made, question.as_of, fiscal))[-_PAST:]
    return [
        schema.PastForecast(
            as_of=one.forecast.as_of,
            by=one.forecast.by,
            total=one.total_cents / 100,
            low=round(one.low, 2),
            high=round(one.high, 2),
            actual=None if one.actual_cents is None else one.actual_cents / 100,
            recorded=one.forecast.run_id is not None,
        )
        for one in known
    ]


def _part(part: Part) -> schema.Part:
    return schema.Part(part.wins, part.cents / 100)
