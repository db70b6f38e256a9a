"""A champion whose artifacts are gone is told from a registry that is away, on a real MLflow, PostgreSQL and S3."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pandas as pd
import psycopg
import pytest
from botocore.config import Config
from mlflow import MlflowClient

from closecast.models.candidate import Candidate
from closecast.models.card import ModelCard
from closecast.models.deal_model import ModelError
from closecast.platform.lake.ingestion import Ingested
from closecast.platform.measuring import make_card
from closecast.platform.mlflow.comparison import ChampionComparison, compare_with_champion
from closecast.platform.mlflow.publication import Published, publish
from closecast.platform.mlflow.registry import Identity, LostError, ModelRegistry, RegistryError
from closecast.platform.settings import DatabaseSettings
from tests.models import ingested
from tests.servers.localstack import S3
from tests.servers.mlflow import mlflow_server
from tests.servers.processes import free_port

pytestmark = [pytest.mark.integration, pytest.mark.slow]
_AT = datetime(2018, 1, 2, tzinfo=UTC)
_REAL = "file:sales.csv"


@dataclass
class Artifacts:
    """The objects of one run, put back at the end of a test."""

    client: Any
    bucket: str
    kept: dict[str, bytes]

    def names(self, folder: str) -> list[str]:
        return [key for key in self.kept if f"/artifacts/{folder}" in key]

    def lose(self, folder: str) -> None:
        for key in self.names(folder):
            self.client.delete_object(Bucket=self.bucket, Key=key)

    def write(self, folder: str, content: bytes) -> None:
        (key,) = self.names(folder)
        self.client.put_object(Bucket=self.bucket, Key=key, Body=content)

    def restore(self) -> None:
        for key, content in self.kept.items():
            self.client.put_object(Bucket=self.bucket, Key=key, Body=content)


@pytest.fixture(scope="module")
def data(made_up_deals: pd.DataFrame) -> Ingested:
    return ingested(made_up_deals)


@pytest.fixture(scope="module")
def publishing(
    made_up_candidate: Candidate, data: Ingested, promotion_lock: DatabaseSettings
) -> Callable[[str, str], Published]:
    def published(uri: str, source: str) -> Published:
        return publish(
            made_up_candidate,
            replace(data, source=source),
            uri,
            lock=promotion_lock,
            gold_key="gold/3",
            by="a test",
            at=_AT,
            git_commit=None,
            loss_seconds=0,
        )

    return published


@pytest.fixture(scope="module")
def champion(mlflow_on_s3: str, publishing: Callable[[str, str], Published]) -> Identity:
    """Trained on what passes for real data."""
    client = MlflowClient(mlflow_on_s3)
    for model in client.search_registered_models():
        client.delete_registered_model(model.name)
    assert publishing(mlflow_on_s3, _REAL).decision.promoted
    found = ModelRegistry(mlflow_on_s3).champion_identity()
    assert found is not None
    return found


@pytest.fixture
def artifacts(s3: S3, champion: Identity) -> Iterator[Artifacts]:
    client = boto3.client(
        "s3",
        endpoint_url=s3.endpoint,
        aws_access_key_id=s3.access_key,
        aws_secret_access_key=s3.secret_key,
        region_name=s3.region,
        config=Config(s3={"addressing_style": "path"}),
    )
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=s3.bucket, Prefix="mlflow/")
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", []) if champion.run_id in entry["Key"]]
    found = Artifacts(
        client, s3.bucket, {key: client.get_object(Bucket=s3.bucket, Key=key)["Body"].read() for key in keys}
    )
    yield found
    found.restore()


@pytest.fixture
def ask(made_up_candidate: Candidate, data: Ingested) -> Callable[..., ChampionComparison]:
    """What the gate would see of the champion at `uri`, for a candidate from `source`."""

    def asked(uri: str, source: str = _REAL) -> ChampionComparison:
        card: ModelCard = make_card(made_up_candidate, replace(data, source=source), _AT, None)
        return compare_with_champion(ModelRegistry(uri), card, made_up_candidate, loss_seconds=0)

    return asked


def _no_comparison(found: ChampionComparison, words: str) -> None:
    assert found.reason is not None
    assert words in found.reason, found.reason
    assert all("champion" not in part.predictions for part in found.held_out)


def test_a_whole_champion_is_compared_with(
    mlflow_on_s3: str, champion: Identity, ask: Callable[..., ChampionComparison]
) -> None:
    found = ask(mlflow_on_s3)
    assert (found.champion, found.reason) == (champion, None)
    assert all("champion" in part.predictions for part in found.held_out)


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ("", "holds no artifacts in"),
        ("model/", "holds no artifacts in"),
        ("evaluation/", "/evaluation"),
        ("model/model.txt", "does not hold model.txt in"),
        ("model/card.json", "does not hold card.json in"),
        ("evaluation/scorer.json", "does not hold scorer.json in"),
    ],
)
def test_what_is_gone_is_named_and_the_origin_still_counts(
    mlflow_on_s3: str,
    champion: Identity,
    artifacts: Artifacts,
    ask: Callable[..., ChampionComparison],
    lost: str,
    words: str,
) -> None:
    artifacts.lose(lost)
    for source, may in ((_REAL, True), ("synthetic", False)):
        found = ask(mlflow_on_s3, source)
        _no_comparison(found, f"the artifacts of {champion} are gone: ")
        assert words in str(found.reason)
        (origin,) = found.checks
        assert (origin.passed, origin.sentence.endswith(f"a champion from {_REAL}")) == (may, True)


@pytest.mark.parametrize(
    ("folder", "content", "words"),
    [
        ("model/card.json", b"{}", "are not those that were registered"),
        ("model/model.txt", b"tree\n", "are not those that were registered"),
        ("model/deals.parquet", b"PAR1", "are not those that were registered"),
        ("evaluation/model.txt", b"tree\n", "is damaged"),
        ("evaluation/scorer.json", b"{", "are not those that were registered"),
    ],
)
def test_what_is_damaged_is_not_compared_with(
    mlflow_on_s3: str,
    champion: Identity,
    artifacts: Artifacts,
    ask: Callable[..., ChampionComparison],
    folder: str,
    content: bytes,
    words: str,
) -> None:
    assert champion
    artifacts.write(folder, content)
    found = ask(mlflow_on_s3, "synthetic")
    _no_comparison(found, words)
    assert not found.checks[0].passed


def test_a_run_that_is_marked_as_deleted_has_its_artifacts_still(
    mlflow_on_s3: str, champion: Identity, ask: Callable[..., ChampionComparison]
) -> None:
    client = MlflowClient(mlflow_on_s3)
    client.delete_run(champion.run_id)
    try:
        assert ask(mlflow_on_s3).reason is None
    finally:
        client.restore_run(champion.run_id)


def test_a_version_of_a_run_that_is_no_more(
    mlflow_on_s3: str, postgres_url: str, champion: Identity, ask: Callable[..., ChampionComparison]
) -> None:
    """As `mlflow gc` leaves it, and then without the tag that tells the source."""
    client, missing = MlflowClient(mlflow_on_s3), "0" * 32
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        change = "UPDATE model_versions SET run_id = %s WHERE name = 'closecast' AND version = %s"
        connection.execute(change, [missing, champion.version])
        try:
            found = ask(mlflow_on_s3, "synthetic")
            _no_comparison(found, f"has no run {missing} any more")
            assert found.checks[0].sentence == f"data from synthetic may not replace a champion from {_REAL}"
            client.delete_model_version_tag("closecast", champion.version, "source")
            nameless = ask(mlflow_on_s3, "synthetic").checks[0]
            assert not nameless.passed
            assert "neither its card nor the registry's tag `source` tells any more" in nameless.sentence
            assert ask(mlflow_on_s3, _REAL).checks[0].passed
        finally:
            client.set_model_version_tag("closecast", champion.version, "source", _REAL)
            connection.execute(change, [champion.run_id, champion.version])


def test_a_version_without_a_source_has_its_runs(
    mlflow_on_s3: str, champion: Identity, artifacts: Artifacts, ask: Callable[..., ChampionComparison]
) -> None:
    client = MlflowClient(mlflow_on_s3)
    client.delete_model_version_tag("closecast", champion.version, "source")
    artifacts.lose("")
    try:
        assert ask(mlflow_on_s3, "synthetic").checks[0].sentence.endswith(f"replace a champion from {_REAL}")
    finally:
        client.set_model_version_tag("closecast", champion.version, "source", _REAL)


@pytest.mark.usefixtures("computed_once")
def test_an_object_store_that_is_away_is_an_outage(
    mlflow_on_s3: str,
    postgres_url: str,
    s3: S3,
    champion: Identity,
    ask: Callable[..., ChampionComparison],
    tmp_path: Path,
    publishing: Callable[[str, str], Published],
) -> None:
    # given an MLflow with the same database, whose object store does not answer
    port = free_port()
    away = {**s3.environment, "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{free_port()}"}
    store = f"postgresql+psycopg{postgres_url.removeprefix('postgresql')}"
    with mlflow_server(port, store, away, s3.bucket, tmp_path):
        uri = f"http://127.0.0.1:{port}"
        # when / then nothing is decided, so that it is tried again
        with pytest.raises(RegistryError) as caught:
            ask(uri)
        assert not isinstance(caught.value, LostError)
        with pytest.raises(RegistryError) as caught:
            publishing(uri, _REAL)
        assert not isinstance(caught.value, LostError)
    # and an MLflow that is away
    with pytest.raises(RegistryError, match="does not answer") as caught:
        ask(uri)
    assert not isinstance(caught.value, LostError)
    assert ModelRegistry(mlflow_on_s3).champion_identity() == champion


def test_a_loss_that_is_mended_meanwhile_is_none(
    mlflow_on_s3: str,
    artifacts: Artifacts,
    made_up_candidate: Candidate,
    data: Ingested,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As an object store that was restarted and is being filled again."""
    card = make_card(made_up_candidate, replace(data, source=_REAL), _AT, None)
    artifacts.lose("")
    genuine, asked = ModelRegistry.served, []

    def served(registry: ModelRegistry, identity: Identity, cache: Path) -> Any:
        asked.append(identity)
        if len(asked) == 2:
            artifacts.restore()
        return genuine(registry, identity, cache)

    monkeypatch.setattr(ModelRegistry, "served", served)
    monkeypatch.setattr("closecast.platform.mlflow.comparison.AGAIN_SECONDS", 0.1)
    found = compare_with_champion(ModelRegistry(mlflow_on_s3), card, made_up_candidate, loss_seconds=60)
    assert (found.reason, len(asked)) == (None, 2)


@pytest.mark.usefixtures("computed_once")
def test_a_bucket_that_is_gone_is_a_loss_and_what_is_trained_is_told_so(
    mlflow_on_s3: str,
    s3: S3,
    champion: Identity,
    artifacts: Artifacts,
    ask: Callable[..., ChampionComparison],
    publishing: Callable[[str, str], Published],
    tmp_path: Path,
) -> None:
    # given
    everything = [entry["Key"] for entry in artifacts.client.list_objects_v2(Bucket=s3.bucket).get("Contents", [])]
    kept = {key: artifacts.client.get_object(Bucket=s3.bucket, Key=key)["Body"].read() for key in everything}
    for key in everything:
        artifacts.client.delete_object(Bucket=s3.bucket, Key=key)
    artifacts.client.delete_bucket(Bucket=s3.bucket)
    try:
        # when / then
        _no_comparison(ask(mlflow_on_s3), "the bucket that it keeps artifacts in is gone")
        with pytest.raises(LostError, match="has no place for"):
            ModelRegistry(mlflow_on_s3).served(champion, tmp_path)
        with pytest.raises(RegistryError, match="the bucket that it keeps artifacts in is gone"):
            publishing(mlflow_on_s3, _REAL)
    finally:
        artifacts.client.create_bucket(Bucket=s3.bucket)
        for key, content in kept.items():
            artifacts.client.put_object(Bucket=s3.bucket, Key=key, Body=content)


@pytest.mark.usefixtures("computed_once")
def test_training_goes_on_without_the_comparison_and_says_so(
    mlflow_on_s3: str,
    champion: Identity,
    artifacts: Artifacts,
    publishing: Callable[[str, str], Published],
    tmp_path: Path,
) -> None:
    registry = ModelRegistry(mlflow_on_s3)
    # given a champion from real data whose artifacts are gone
    artifacts.lose("")
    # when made-up data come, and then real ones
    made_up, real = publishing(mlflow_on_s3, "synthetic"), publishing(mlflow_on_s3, _REAL)
    # then
    assert not made_up.decision.promoted
    assert made_up.decision.reasons == (f"data from synthetic may not replace a champion from {_REAL}",)
    assert real.decision.promoted
    assert f"not compared with a champion: the artifacts of {champion} are gone: " in real.decision.reasons[-1]
    assert "are gone" in registry.tags(real.version)["decision_reasons"]
    assert registry.champion_version() == real.version
    assert registry.champion(tmp_path).model.card == real.card
    with pytest.raises((LostError, ModelError)):
        registry.load(champion.version, tmp_path)
    registry.promote(champion.version)
