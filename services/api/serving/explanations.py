"""From a raw deal to the story of its probability: its feature values, the points kept or computed, the words."""

import logging

import numpy as np

from closecast import features
from closecast.features.history import MISSING_ACCOUNT, History
from closecast.models import explanations
from closecast.models.telling import NameStatus, Story, tell
from closecast.models.words import Entity
from closecast.platform.mlflow.registry import Served
from closecast.scoring import one
from closecast.scoring.question import Question
from closecast.scoring.rules import require_open
from services.api.schemas.predictions import Deal
from services.api.serving.explanation_cache import ExplanationCache

_LOG = logging.getLogger(__name__)


class Explainer:
    """Explains answers; their points come from `cache` where it has them. Safe from several threads."""

    def __init__(self, cache: ExplanationCache) -> None:
        self.cache = cache

    def explain(self, served: Served, deal: Deal, question: Question) -> tuple[explanations.Explanation, Story]:
        """The answer to `question` about `deal`, taken apart and told. Raises NotScorableError as scoring does."""
        age = (question.as_of - require_open(deal, question.as_of)).days
        builder, scorer = served.model.builder, served.model.scorer
        tables, days = builder.tables(question.as_of), question.horizon_days
        codes, standing = _names(builder.history, deal)
        draw = one.account_draw(deal) if codes["account"] == MISSING_ACCOUNT else 0.0
        agent, product, account = codes["sales_agent"], codes["product"], codes["account"]
        row = features.rows(tables, age, tables.horizon_tables((days,)), agent, product, account, draw)
        matrix = np.stack([np.frombuffer(row), explanations.reference_row(tables, days)])
        own, reference = matrix
        # The folder's name holds run and hash: version numbers start again when a registered model is made anew.
        kept = self.cache.get(served.folder.name, matrix)
        explanation = None if kept is None else explanations.of_kept(scorer, own, reference, kept)
        if explanation is None:
            if kept is not None:
                _LOG.warning("cache", extra={"problem": "a kept explanation does not add up and is written anew"})
            explanation = explanations.explain(scorer, own, reference)
            self.cache.put(served.folder.name, matrix, explanation.points)
        return explanation, tell(explanation, own, reference, question.as_of, days, standing)


def _names(history: History, deal: Deal) -> tuple[dict[Entity, int], dict[Entity, NameStatus]]:
    codes: dict[Entity, int] = {}
    standing: dict[Entity, NameStatus] = {}
    for entity, text in one.names(deal):
        codes[entity], known = history.code(entity, text)
        standing[entity] = "known" if known else "missing" if text is None else "new"
    return codes, standing
