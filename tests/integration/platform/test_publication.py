"""From candidate to champion on a real MLflow server: first, worse, other data, and a champion that cannot be read."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from closecast import features
from closecast.deals.contract import check
from closecast.deals.synthetic import generate
from closecast.models import candidate as candidates
from closecast.models.deal_model import ModelError
from closecast.platform import tracking
from closecast.platform.ingestion import Ingested
from closecast.platform.publication import Published, publish
from closecast.platform.registry import ModelRegistry, NoChampionError, RegistryError
from tests.servers import free_port

pytestmark = pytest.mark.integration
AT = datetime(2018, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def data() -> Ingested:
    deals = check(generate(2_500, seed=11)).accepted
    return Ingested(deals, "synthetic", "a" * 64, "bronze/1", "silver/2", None, len(deals), 0, "all accepted")


@pytest.fixture(scope="module")
def candidate(data: Ingested) -> candidates.Candidate:
    return candidates.build(data.deals, seed=7, threads=1)


def _publish(candidate: candidates.Candidate, data: Ingested, uri: str) -> Published:
    return publish(candidate, data, uri, seed=7, by="a test", at=AT, git_commit="c" * 40)


@pytest.fixture
def empty_registry(mlflow_uri: str) -> ModelRegistry:
    """The server is shared by the session: what other tests registered is taken out first."""
    from mlflow import MlflowClient

    client = MlflowClient(mlflow_uri)
    for model in client.search_registered_models():
        client.delete_registered_model(model.name)
    return ModelRegistry(mlflow_uri)


def test_the_life_of_champions(
    candidate: candidates.Candidate,
    data: Ingested,
    mlflow_uri: str,
    empty_registry: ModelRegistry,
    tmp_path: Path,
) -> None:
    registry = empty_registry
    matrix = features.row(AT.date().replace(month=1, day=1), AT.date(), 30)

    # given an empty registry
    assert registry.champion_version() is None
    with pytest.raises(NoChampionError, match="no closecast champion yet: run the train flow"):
        registry.champion(tmp_path)

    # when a first candidate is published
    first = _publish(candidate, data, mlflow_uri)
    # then it is champion, with its evidence, and predicts what the candidate predicts
    assert first.decision.promoted
    served = registry.champion(tmp_path)
    assert served.version == first.version == registry.champion_version()
    assert served.model.card == first.card
    assert served.model.predict(matrix).tobytes() == np.asarray(candidate.booster.predict(matrix)).tobytes()
    tags = registry.tags(first.version)
    assert (tags["decision"], tags["decision_by"], tags["decision_at"]) == ("promoted", "a test", AT.isoformat())
    assert tags["silver_key"] == "silver/2"

    # when the same candidate comes again, and then one that is worse on the same rows
    second = _publish(candidate, data, mlflow_uri)
    shuffled = candidates.training.fit(
        replace(held := candidate.held_out[0].train, won=np.random.default_rng(1).permutation(held.won)), 7, 1
    )
    worse = replace(candidate, twin=shuffled,
                    metrics=candidates.evaluation.measure(shuffled, candidate.held_out))  # fmt: skip
    third = _publish(worse, data, mlflow_uri)
    # then the equal one is champion and the worse one is refused, with its reasons in the registry
    assert registry.champion_version() == second.version
    assert any("not above the champion's" in reason for reason in second.decision.reasons)
    assert not third.decision.promoted
    assert any("above the champion's" in reason for reason in third.decision.reasons)
    assert registry.tags(third.version)["decision"] == "refused"

    # when a candidate comes from other data
    fourth = _publish(candidate, replace(data, source="file:sales.csv", source_sha256="b" * 64), mlflow_uri)
    # then it stands on its own evidence
    assert registry.champion_version() == fourth.version
    assert "the champion was trained on other data (synthetic)" in fourth.decision.reasons[-1]

    # when the champion's copy on this machine is damaged
    (damaged,) = tmp_path.glob(f"closecast-{first.version}-*/model.txt")
    damaged.write_text("tree")
    # then that is said once, and the next load fetches it anew
    with pytest.raises(ModelError, match="damaged"):
        registry.load(first.version, tmp_path)
    assert registry.load(first.version, tmp_path).card == first.card

    # when the run's figures are looked up
    from mlflow import MlflowClient

    run = MlflowClient(mlflow_uri).get_run(first.run_id)
    # then parameters, metrics, references, tags and both model folders are there
    assert run.info.status == "FINISHED"
    assert run.data.params["seed"] == "7"
    assert run.data.metrics["log_loss_30_days"] == pytest.approx(candidate.metrics["log_loss_30_days"])
    assert run.data.metrics["base_rate_log_loss_quarter_end"] > run.data.metrics["log_loss_quarter_end"]
    assert run.data.tags["source_sha256"] == "a" * 64
    assert run.data.tags["features"] == ",".join(features.NAMES)
    names = {entry.path for entry in MlflowClient(mlflow_uri).list_artifacts(first.run_id)}
    assert names == {"model", "evaluation"}


def test_a_champion_for_other_features_gives_way(
    candidate: candidates.Candidate, data: Ingested, mlflow_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a champion made by a version with another feature list
    _publish(candidate, data, mlflow_uri)
    monkeypatch.setattr(features, "NAMES", ("mood", *features.NAMES[1:]))
    # when
    published = _publish(candidate, data, mlflow_uri)
    # then
    assert published.decision.promoted
    assert "the champion cannot be used by this version" in published.decision.reasons[-1]


def test_an_unknown_version_is_named(mlflow_uri: str, tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="no version 999 of closecast"):
        ModelRegistry(mlflow_uri).load("999", tmp_path)


def test_a_run_that_fails_is_marked_as_failed(mlflow_uri: str) -> None:
    from mlflow import MlflowClient

    # when
    with pytest.raises(ZeroDivisionError), tracking.started(mlflow_uri, "broken") as run:
        raise ZeroDivisionError
    # then
    assert MlflowClient(mlflow_uri).get_run(run.run_id).info.status == "FAILED"


def test_without_a_server_nothing_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    uri = f"http://127.0.0.1:{free_port()}"
    # when / then
    with pytest.raises(RegistryError, match=f"the MLflow server at {uri} failed"), tracking.started(uri, "unheard"):
        pytest.fail("a run cannot begin without a server")
