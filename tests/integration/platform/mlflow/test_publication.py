"""From candidate to champion on a real MLflow server: first, worse, other data, and a champion that cannot be read."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient

from closecast import features
from closecast.deals.calendar import FiscalCalendar
from closecast.deals.contract import check
from closecast.deals.synthetic.generator import generate, generate_with_truth
from closecast.deals.synthetic.settings import Settings
from closecast.features import history
from closecast.models import candidate as candidates
from closecast.models import training
from closecast.models.deal_model import DealModel, ModelError
from closecast.models.golden import Golden
from closecast.platform.lake.ingestion import Ingested
from closecast.platform.mlflow import tracking
from closecast.platform.mlflow.publication import Published, publish
from closecast.platform.mlflow.registry import LostError, ModelRegistry, NoChampionError, RegistryError
from closecast.platform.settings import DatabaseSettings
from tests.models import ingested
from tests.servers.processes import free_port

pytestmark = [pytest.mark.integration, pytest.mark.slow]
AT = datetime(2018, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def data() -> Ingested:
    return ingested(check(generate(2_500, seed=11)).accepted)


@pytest.fixture(scope="module")
def candidate(data: Ingested) -> candidates.Candidate:
    return candidates.build(data.deals, seed=7, threads=1)


def _publish(
    candidate: candidates.Candidate, data: Ingested, uri: str, lock: DatabaseSettings, is_platforms_source: bool = False
) -> Published:
    return publish(
        candidate,
        data,
        uri,
        lock=lock,
        gold_key="gold/3",
        by="a test",
        at=AT,
        git_commit="c" * 40,
        is_platforms_source=is_platforms_source,
    )


def test_the_life_of_champions(
    candidate: candidates.Candidate,
    data: Ingested,
    mlflow_uri: str,
    promotion_lock: DatabaseSettings,
    empty_registry: ModelRegistry,
    tmp_path: Path,
) -> None:
    registry = empty_registry
    matrix = candidate.splits[0].test.matrix[:50]

    # given an empty registry
    assert registry.champion_version() is None
    with pytest.raises(NoChampionError, match="no closecast champion yet: run the train flow"):
        registry.champion(tmp_path)

    # when a first candidate is published
    first = _publish(candidate, data, mlflow_uri, promotion_lock)
    # then it is champion, with its evidence, and predicts what the candidate predicts
    assert first.decision.promoted
    served = registry.champion(tmp_path)
    assert served.version == first.version == registry.champion_version()
    assert served.model.card == first.card
    assert served.model.scorer.predict(matrix).tobytes() == candidate.scorer.predict(matrix).tobytes()
    tags = registry.tags(first.version)
    assert (tags["decision"], tags["decision_by"], tags["decision_at"]) == ("promoted", "a test", AT.isoformat())
    assert tags["silver_key"] == "silver/2"

    # when the same candidate comes again, and then one that is worse on the same rows
    second = _publish(candidate, data, mlflow_uri, promotion_lock)
    third = _publish(_shuffled(candidate), data, mlflow_uri, promotion_lock)
    # then neither replaces the champion, each is challenger in its turn, and the reasons are in the registry
    assert registry.champion_version() == first.version
    assert any("not clearly below the champion's" in reason for reason in second.decision.reasons)
    assert any("not clearly below the champion's" in reason for reason in third.decision.reasons)
    assert registry.tags(third.version)["decision"] == "refused"
    assert MlflowClient(mlflow_uri).get_model_version_by_alias("closecast", "challenger").version == third.version

    # when a candidate comes from real data, and then one from made-up data again
    fourth = _publish(
        candidate, replace(data, source="file:sales.csv", source_sha256="b" * 64), mlflow_uri, promotion_lock
    )
    fifth = _publish(candidate, data, mlflow_uri, promotion_lock)
    # then the first stands on its own evidence, and the other may not replace it
    assert "the champion was trained on made-up data (synthetic)" in fourth.decision.reasons[-1]
    assert "data from synthetic may not replace a champion from file:sales.csv" in fifth.decision.reasons
    assert registry.champion_version() == fourth.version

    # when the champion's copy on this machine is damaged
    (damaged,) = tmp_path.glob(f"closecast-{first.run_id}-*/model.txt")
    damaged.write_text("tree")
    # then that is said once, and the next load fetches it anew
    with pytest.raises(ModelError, match="damaged"):
        registry.load(first.version, tmp_path)
    assert registry.load(first.version, tmp_path).card == first.card

    # when the run's figures are looked up
    run = MlflowClient(mlflow_uri).get_run(first.run_id)
    # then parameters, metrics, references, tags and both model folders are there
    assert run.info.status == "FINISHED"
    assert run.data.params["seed"] == "7"
    assert run.data.metrics["log_loss_30_days"] == pytest.approx(candidate.metrics()["log_loss_30_days"])
    assert run.data.metrics["base_rate_log_loss_quarter_end"] > run.data.metrics["log_loss_quarter_end"]
    assert run.data.tags["source_sha256"] == "a" * 64
    assert run.data.tags["features"] == ",".join(features.NAMES)
    names = {entry.path for entry in MlflowClient(mlflow_uri).list_artifacts(first.run_id)}
    assert names == {"model", "evaluation", "reference", "report"}
    assert run.inputs is not None
    assert {dataset.dataset.name for dataset in run.inputs.dataset_inputs} == {"synthetic"}
    report = {entry.path for entry in MlflowClient(mlflow_uri).list_artifacts(first.run_id, "report")}
    assert report == {
        f"report/{name}"
        for name in ("evaluation.json", "features.json", "model_card.md", "reliability.png", "ladder.png")
    }

    # when the versions are listed, then the latest comes first, each with what was decided and its role
    listed = registry.versions(200)
    assert [one.identity.version for one in listed][-1] == first.version
    assert [one.identity.version for one in registry.versions(2)] == [fifth.version, fourth.version]
    assert {one.identity.version: one.role for one in listed if one.role} == {
        fourth.version: "champion",
        fifth.version: "challenger",
    }
    assert {one.tags["decision"] for one in listed} == {"promoted", "refused"}
    assert listed[0].made_at == registry.made_at(fifth.version)
    # and the report of a training is there
    written = json.loads(registry.evaluation(registry.identity(first.version)))
    assert written["decision"]["promoted"]
    assert set(written["targets"]) == {"30_days", "quarter_end"}
    with pytest.raises(LostError):
        registry.evaluation(replace(registry.identity(first.version), run_id="0" * 32))


def test_mlflow_itself_can_load_and_ask_the_champion(
    candidate: candidates.Candidate,
    data: Ingested,
    mlflow_uri: str,
    promotion_lock: DatabaseSettings,
    empty_registry: ModelRegistry,
) -> None:
    # given
    _publish(candidate, data, mlflow_uri, promotion_lock)
    mlflow.set_tracking_uri(mlflow_uri)
    # when
    loaded = mlflow.pyfunc.load_model("models:/closecast@champion")
    example = loaded.input_example
    predicted = loaded.predict(example)
    # then
    assert empty_registry.champion_version() is not None
    assert loaded.metadata.signature.inputs.required_input_names() == ["engage_date"]
    assert len(predicted) == len(example) == 3
    assert ((predicted > 0) & (predicted < 1)).all()


def test_a_champion_of_other_quarters_is_not_compared(
    candidate: candidates.Candidate,
    data: Ingested,
    mlflow_uri: str,
    promotion_lock: DatabaseSettings,
    empty_registry: ModelRegistry,
    tmp_path: Path,
) -> None:
    # given a champion of the calendar year
    _publish(candidate, data, mlflow_uri, promotion_lock)
    assert empty_registry.champion_fiscal() == FiscalCalendar(1)
    # when
    other = candidates.build(data.deals, seed=7, threads=1, fiscal=FiscalCalendar(2))
    published = _publish(other, data, mlflow_uri, promotion_lock)
    # then
    assert any(
        "its fiscal year begins with month 1, the candidate's with month 2" in check.sentence
        for check in published.decision.checks
    )
    served = empty_registry.served(empty_registry.identity(published.version), tmp_path)
    assert served.model.card.fiscal_year_start == 2
    served.model.replay(served.folder)
    assert published.report["fiscal_year_start"] == 2


def test_a_baseline_serves_until_a_model_beats_it(
    data: Ingested,
    mlflow_uri: str,
    promotion_lock: DatabaseSettings,
    empty_registry: ModelRegistry,
    tmp_path: Path,
) -> None:
    # given deals whose agents differ much, and a first model that is refused
    frame, _ = generate_with_truth(Settings(rows=2_500, agent_effect=2.0), seed=11)
    data = replace(data, deals=check(frame).accepted)
    candidate = candidates.build(data.deals, seed=7, threads=1)
    refused = _publish(_shuffled(candidate), data, mlflow_uri, promotion_lock)
    assert not refused.decision.promoted
    assert refused.is_vacant
    # when the baseline is published
    made = candidates.baseline(candidate, threads=1)
    instead = _publish(made, data, mlflow_uri, promotion_lock)
    # then it serves by that name, and no name of an agent, product or account changes a chance
    assert instead.decision.promoted
    served = empty_registry.champion(tmp_path / "first")
    served.model.replay(served.folder)
    assert (served.version, served.model.card.kind) == (instead.version, "baseline")
    assert empty_registry.tags(served.version)["kind"] == "baseline"
    matrix = candidate.splits[0].test.matrix[:50]
    nameless = matrix.copy()
    nameless[:, [at for at, one in enumerate(features.FEATURES) if one.key in history.ENTITIES]] = 0.5
    assert served.model.scorer.predict(matrix).tobytes() == served.model.scorer.predict(nameless).tobytes()
    assert served.model.single.fallback is None

    # when a good model comes, and then a baseline again
    better = _publish(candidate, data, mlflow_uri, promotion_lock)
    again = _publish(made, data, mlflow_uri, promotion_lock)
    # then the model was compared with the baseline and replaced it, and no baseline replaces the model
    assert better.decision.promoted
    assert any("below the champion's" in reason for reason in better.decision.reasons)
    assert not again.decision.promoted
    assert not again.is_vacant
    assert empty_registry.champion_version() == better.version


def test_a_baseline_replaces_a_model_of_other_deals_for_the_platforms_own_source_alone(
    candidate: candidates.Candidate,
    data: Ingested,
    mlflow_uri: str,
    promotion_lock: DatabaseSettings,
    empty_registry: ModelRegistry,
) -> None:
    # given a champion of real deals, and an export of another company whose model is refused
    data = replace(data, source="file:first.csv")
    champion = _publish(candidate, data, mlflow_uri, promotion_lock)
    assert champion.decision.promoted
    frame, _ = generate_with_truth(Settings(rows=2_500, agent_effect=2.0), seed=12)
    for name in ("opportunity_id", *history.ENTITIES):
        frame[name] = frame[name].where(frame[name] == "", "other " + frame[name])
    others = replace(data, source="file:second.csv", deals=check(frame).accepted)
    second = candidates.build(others.deals, seed=7, threads=1)
    # when it is tried out
    tried = _publish(_shuffled(second), others, mlflow_uri, promotion_lock)
    # then nothing but a word about it
    assert (tried.is_vacant, tried.champion_has_other_deals) == (False, True)
    # when it is the platform's own
    refused = _publish(_shuffled(second), others, mlflow_uri, promotion_lock, is_platforms_source=True)
    assert refused.is_vacant
    assert any("the champion was trained on other deals" in check.sentence for check in refused.decision.checks)
    # then the champion was not measured, though it was when it was tried out
    measured, spared = (MlflowClient(mlflow_uri).get_run(one.run_id).data.metrics for one in (tried, refused))
    assert "champion_log_loss_30_days" in measured
    assert "champion_log_loss_30_days" not in spared
    # when its baseline is published
    made = candidates.baseline(second, threads=1)
    instead = _publish(made, others, mlflow_uri, promotion_lock, is_platforms_source=True)
    # then its baseline serves, which is not compared away by the model of other deals
    assert instead.decision.promoted, instead.decision.reasons
    assert empty_registry.champion_version() == instead.version


def _shuffled(candidate: candidates.Candidate) -> candidates.Candidate:
    """The same with a twin that learnt from labels in disorder."""
    data = candidate.data
    rows = data.learnable(data.plan.cut)
    won = np.random.default_rng(1).permutation(rows.won)
    booster = training.fit(data.matrix(rows), won, candidate.settings, 60, 7, 1)
    twin = replace(candidate.twin, booster=booster)
    held_out = tuple(
        replace(part, predictions={**part.predictions, "candidate": twin.predict(split.test.matrix)})
        for part, split in zip(candidate.held_out, candidate.splits, strict=True)
    )
    return replace(candidate, twin=twin, held_out=held_out)


def test_a_champion_for_other_features_gives_way(
    candidate: candidates.Candidate,
    data: Ingested,
    mlflow_uri: str,
    promotion_lock: DatabaseSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given a champion made by a version with another feature list
    _publish(candidate, data, mlflow_uri, promotion_lock)
    monkeypatch.setattr(features, "NAMES", ("mood", *features.NAMES[1:]))
    # when
    published = _publish(candidate, data, mlflow_uri, promotion_lock)
    # then
    assert published.decision.promoted
    assert "the champion cannot be used by this version" in published.decision.reasons[-1]


def test_a_champion_that_answers_otherwise_than_when_it_was_made_gives_way(
    candidate: candidates.Candidate,
    data: Ingested,
    mlflow_uri: str,
    promotion_lock: DatabaseSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given
    genuine = Golden.of

    def spoilt(model: DealModel) -> Golden:
        golden = genuine(model)
        return replace(golden, rows=(replace(golden.rows[0], probability=0.5), *golden.rows[1:]))

    with monkeypatch.context() as patched:
        patched.setattr(Golden, "of", spoilt)
        _publish(candidate, data, mlflow_uri, promotion_lock)
    # when
    published = _publish(candidate, data, mlflow_uri, promotion_lock)
    # then
    assert published.decision.promoted
    assert "the champion cannot be used by this version: golden row" in published.decision.reasons[-1]


def test_an_unknown_version_is_named(mlflow_uri: str, tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="no version 999 of closecast"):
        ModelRegistry(mlflow_uri).load("999", tmp_path)


def test_a_run_that_fails_is_marked_as_failed(mlflow_uri: str) -> None:
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
