"""Score one deal: predict, record and count."""

import time

from closecast.platform.journal.entry import Single, new_id
from closecast.platform.journal.inbox import Journal
from closecast.platform.journal.stream import encode_single
from closecast.platform.mlflow.identity import MODEL_NAME
from closecast.platform.mlflow.registry import Served
from closecast.scoring import one
from closecast.scoring.question import Question
from services.api.schemas.predictions import Deal, ModelVersion, Prediction, PredictionRequest
from services.api.serving.champion import Champion
from services.api.serving.pseudonyms import Pseudonyms
from services.api.telemetry.metrics import Metrics


class Predictor:
    """Scores single deals, on the fast path and in the framework's route.

    Both methods raise NotScorableError for a deal that cannot be scored, UnavailableError while no model serves, and
    what the journal raises when it has no room: a prediction that is not recorded is not answered.
    """

    def __init__(self, champion: Champion, journal: Journal | None, metrics: Metrics, pseudonyms: Pseudonyms) -> None:
        self._champion = champion
        self._pseudonyms = pseudonyms
        self._journal = journal
        self._observe = metrics.scores.of("single").observe
        self._unseen = {name: metrics.unseen.labels(name).inc for name in ("sales_agent", "product", "account")}

    def predict(self, asked: PredictionRequest, caller: str, request_id: str) -> Prediction:
        """Predict and record. May take some milliseconds for an as-of date or horizon that is not cached."""
        served = self._champion.serving()
        question = Question.ask(served.model, asked.as_of, asked.horizon)
        deal = self._pseudonyms.deal(asked.deal, served.model.card.pseudonymised)
        answer = one.score(served.model, deal, question)
        return self._answer(deal, question, answer, served, caller, request_id)

    def predict_at_once(self, asked: PredictionRequest, caller: str, request_id: str) -> Prediction | None:
        """Predict and record, or return None if it would take milliseconds, which is too long for an event loop."""
        served = self._champion.serving()
        question = Question.ask(served.model, asked.as_of, asked.horizon)
        deal = self._pseudonyms.deal(asked.deal, served.model.card.pseudonymised)
        answer = one.score_at_once(served.model, deal, question)
        return None if answer is None else self._answer(deal, question, answer, served, caller, request_id)

    def _answer(
        self,
        deal: Deal,
        question: Question,
        answer: one.Answer,
        served: Served,
        caller: str,
        request_id: str,
    ) -> Prediction:
        identifier = new_id()
        if self._journal is not None:
            self._journal.append(
                encode_single(
                    Single(
                        identifier,
                        request_id,
                        time.time(),
                        caller,
                        question.as_of,
                        question.horizon_days,
                        served.identity.version,
                        deal,  # type: ignore[arg-type]  # encoded as the mapping it came as
                        answer.unseen,
                        answer.probability,
                        answer.by_horizon,
                        answer.days,
                        answer.features,
                        served.identity.run_id,
                    )
                )
            )
        self._observe(answer.probability)
        for column in answer.unseen:
            self._unseen[column]()
        return Prediction(
            id=identifier,
            probability=answer.probability,
            as_of=question.as_of,
            horizon_days=question.horizon_days,
            by=question.by,
            quarter=question.quarter,
            probabilities=answer.by_horizon,
            model=ModelVersion(MODEL_NAME, served.identity.version, served.identity.run_id, served.model.card.kind),
            request_id=request_id,
            unseen=answer.unseen,
        )
