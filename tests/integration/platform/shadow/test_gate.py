"""Where a candidate goes that the gate accepts: at once to champion, or to shadow first, and what becomes of the former champion."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from closecast.models import training
from closecast.models.candidate import Candidate
from closecast.models.evaluation import CANDIDATE
from closecast.platform.lake.ingestion import Ingested
from closecast.platform.mlflow.publication import Published, publish
from closecast.platform.mlflow.registry import CHALLENGER_ROLE, FORMER_ROLE, ROLE_TAG, SINCE_TAG, ModelRegistry
from closecast.platform.settings import DatabaseSettings
from tests.models import ingested

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.usefixtures("computed_once")]
AT = datetime(2018, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def data(made_up_deals: pd.DataFrame) -> Ingested:
    return ingested(made_up_deals)


@pytest.fixture
def weak(made_up_candidate: Candidate) -> Candidate:
    """The same with a stored twin that learnt from labels in disorder, so that others are better on their held-out rows."""
    known = made_up_candidate.data
    rows = known.learnable(known.plan.cut)
    won = np.random.default_rng(1).permutation(rows.won)
    booster = training.fit(known.matrix(rows), won, made_up_candidate.settings, 60, 7, 1)
    return replace(made_up_candidate, twin=replace(made_up_candidate.twin, booster=booster))


def published(
    candidate: Candidate, data: Ingested, uri: str, lock: DatabaseSettings, shadow_first: bool = True
) -> Published:
    return publish(
        candidate,
        data,
        uri,
        lock=lock,
        gold_key="gold/3",
        by="a test",
        at=AT,
        git_commit=None,
        shadow_first=shadow_first,
    )


def shadow_of(registry: ModelRegistry) -> str | None:
    found = registry.shadow_identity()
    return None if found is None else found.version


def test_an_accepted_challenger_goes_to_shadow_first_where_that_is_asked_for(
    weak: Candidate,
    made_up_candidate: Candidate,
    data: Ingested,
    mlflow_uri: str,
    promotion_lock: DatabaseSettings,
    empty_registry: ModelRegistry,
) -> None:
    # when there is no champion to compare it with
    first = published(weak, data, mlflow_uri, promotion_lock)
    # then it serves at once
    assert first.decision.promoted
    assert not first.is_in_shadow
    assert (empty_registry.champion_version(), shadow_of(empty_registry)) == (first.version, None)

    # when a better one comes
    second = published(made_up_candidate, data, mlflow_uri, promotion_lock)
    # then the champion serves on, and the better one is in shadow
    assert second.decision.promoted, second.decision.reasons
    assert second.is_in_shadow
    assert (empty_registry.champion_version(), shadow_of(empty_registry)) == (first.version, second.version)
    tags = empty_registry.tags(second.version)
    assert (tags["decision"], tags[ROLE_TAG], tags[SINCE_TAG]) == ("in shadow", CHALLENGER_ROLE, AT.isoformat())

    # when it comes by a person's training
    third = published(made_up_candidate, data, mlflow_uri, promotion_lock, shadow_first=False)
    # then it is promoted at once, and the former champion is in shadow
    assert third.decision.promoted
    assert not third.is_in_shadow
    assert (empty_registry.champion_version(), shadow_of(empty_registry)) == (third.version, first.version)
    assert empty_registry.tags(first.version)[ROLE_TAG] == FORMER_ROLE

    # when one comes that the gate refuses, since it is clearly worse
    worse = replace(
        made_up_candidate,
        held_out=tuple(
            replace(part, predictions={**part.predictions, CANDIDATE: 0.5 * part.predictions[CANDIDATE] + 0.1})
            for part in made_up_candidate.held_out
        ),
    )
    fourth = published(worse, data, mlflow_uri, promotion_lock)
    # then nothing is moved
    assert not fourth.decision.promoted
    assert not fourth.is_in_shadow
    assert (empty_registry.champion_version(), shadow_of(empty_registry)) == (third.version, first.version)


def test_models_of_two_sources_are_not_compared_in_shadow(
    weak: Candidate,
    made_up_candidate: Candidate,
    data: Ingested,
    mlflow_uri: str,
    promotion_lock: DatabaseSettings,
    empty_registry: ModelRegistry,
) -> None:
    # given
    published(weak, replace(data, source="file:a.csv"), mlflow_uri, promotion_lock)
    # when
    second = published(made_up_candidate, replace(data, source="file:b.csv"), mlflow_uri, promotion_lock)
    # then the gate alone decides
    assert second.decision.promoted, second.decision.reasons
    assert (empty_registry.champion_version(), shadow_of(empty_registry)) == (second.version, None)
