"""Explain the probability of a raw deal: its feature values, the points of each feature, and the text."""

import logging

import numpy as np

from closecast import features
from closecast.features.history import MISSING_ACCOUNT, History
from closecast.models import explanations
from closecast.models.explanation_text import ExplanationText, NameStatus, describe
from closecast.models.feature_text import Entity
from closecast.platform.mlflow.registry import Served
from closecast.scoring import one, stages
from closecast.scoring.question import Question
from closecast.scoring.rules import require_open
from services.api.schemas.predictions import Deal
from services.api.serving.explanation_cache import ExplanationCache
from services.api.serving.pseudonyms import Pseudonyms

_LOG = logging.getLogger(__name__)


class Explainer:
    """Explains predictions. Points are read from `cache` where it has them. Safe from several threads."""

    def __init__(self, cache: ExplanationCache, pseudonyms: Pseudonyms) -> None:
        self.cache, self._pseudonyms = cache, pseudonyms

    def explain(
        self, served: Served, deal: Deal, question: Question
    ) -> tuple[explanations.Explanation, ExplanationText]:
        """Explain the answer to `question` about `deal`. Raises NotScorableError as scoring does."""
        return self.explain_known(served, self._pseudonyms.deal(deal, served.model.card.pseudonymised), question)

    def explain_known(
        self, served: Served, deal: Deal, question: Question
    ) -> tuple[explanations.Explanation, ExplanationText]:
        """Explain as `explain` does a deal of the model's own data: pseudonyms are in it already."""
        age = (question.as_of - require_open(deal, question.as_of)).days
        builder, scorer = served.model.builder, served.model.scorer
        tables, days = builder.tables(question.as_of), question.horizon_days
        codes, name_status = _names(builder.history, deal)
        draw = one.account_draw(deal) if codes["account"] == MISSING_ACCOUNT else 0.0
        agent, product, account = codes["sales_agent"], codes["product"], codes["account"]
        history = stages.values(builder.history.stages, tables, deal)
        row = features.rows(tables, age, tables.horizon_tables((days,)), agent, product, account, draw, history)
        matrix = np.stack([np.frombuffer(row), explanations.reference_row(tables, days)])
        own, reference = matrix
        # The folder's name holds run and hash: version numbers restart when a registered model is recreated.
        kept = self.cache.get(served.folder.name, matrix)
        explanation = None if kept is None else explanations.of_kept(scorer, own, reference, kept)
        if explanation is None:
            if kept is not None:
                _LOG.warning("cache", extra={"problem": "a cached explanation does not add up and is replaced"})
            explanation = explanations.explain(scorer, own, reference)
            self.cache.put(served.folder.name, matrix, explanation.points)
        return explanation, describe(explanation, own, reference, question.as_of, days, name_status)


def _names(history: History, deal: Deal) -> tuple[dict[Entity, int], dict[Entity, NameStatus]]:
    codes: dict[Entity, int] = {}
    name_status: dict[Entity, NameStatus] = {}
    for entity, text in one.names(deal):
        codes[entity], known = history.code(entity, text)
        name_status[entity] = "known" if known else "missing" if text is None else "new"
    return codes, name_status
