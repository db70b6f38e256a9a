"""Answers for one deal: asks the model that serves, has the answer written down, and counts it."""

from datetime import UTC, datetime
from typing import Protocol

from closecast.platform.journal.entry import Entry, new_id
from closecast.platform.registry import MODEL_NAME, Served
from services.api import scoring
from services.api.champion import Champion
from services.api.metrics import Metrics
from services.api.problems import UnavailableError
from services.api.schemas import Deal, ModelVersion, Prediction, PredictionRequest

_COLUMNS = Deal.__struct_fields__


class Journal(Protocol):
    """Where answers are written down: accepts an entry without waiting, or raises because there is no room for it."""

    def append(self, entry: Entry) -> None: ...


class Predictor:
    """The way of one deal, from the request to the answer; the same on the fast lane and beside it."""

    def __init__(self, champion: Champion, journal: Journal | None, metrics: Metrics) -> None:
        self._champion = champion
        self._journal = journal
        self._observe = metrics.scores.labels("single").observe
        self._unseen = {name: metrics.unseen.labels(name).inc for name in ("sales_agent", "product", "account")}

    def serving(self) -> Served:
        """What serves now. Raises UnavailableError with the reason while nothing does."""
        status = self._champion.status()
        if status.served is None:
            raise UnavailableError(f"no model serves yet: {status.problem}")
        return status.served

    def predict(
        self, asked: PredictionRequest, caller: str, request_id: str, *, if_quick: bool = False
    ) -> Prediction | None:
        """The answer, written down. With `if_quick`, None when making the tables it needs would take milliseconds.

        Raises InvalidInputError for a deal that cannot be scored, UnavailableError while no model serves, and what the
        journal raises when it has no room: what is not written down is not answered.
        """
        served = self.serving()
        model = served.model
        question = scoring.Question.ask(model, asked.as_of, asked.horizon)
        engaged = scoring.engage_date(asked.deal, question.as_of)
        tables = scoring.quick_tables(model, question) if if_quick else None
        if if_quick and tables is None:
            return None
        scored = scoring.one(model, asked.deal, engaged, question, tables)
        identifier = new_id()
        if self._journal is not None:
            deal = asked.deal
            self._journal.append(
                Entry(
                    id=identifier,
                    request_id=request_id,
                    time=datetime.now(UTC),
                    caller=caller,
                    kind="single",
                    as_of=question.as_of,
                    horizon_days=question.horizon_days,
                    model_version=served.version,
                    rows=[0],
                    deals={name: [value] for name in _COLUMNS if (value := getattr(deal, name)) is not None},
                    unseen=[scored.unseen],
                    probability=[scored.probability],
                    probabilities=scored.by_horizon,
                    days=list(scored.days),
                    features=scored.features,
                )
            )
        self._observe(scored.probability)
        for column in scored.unseen:
            self._unseen[column]()
        return Prediction(
            id=identifier,
            probability=scored.probability,
            as_of=question.as_of,
            horizon_days=question.horizon_days,
            by=question.by,
            probabilities=scored.by_horizon,
            model=ModelVersion(MODEL_NAME, served.version),
            request_id=request_id,
            unseen=scored.unseen,
        )
