"""The process of shadow scoring beside a real registry and database: kill -9, a model that is lost, and servers that are away."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from closecast.models.deal_model import DealModel
from closecast.platform.database import connect
from closecast.platform.journal.store import Connection
from closecast.platform.mlflow.registry import Identity, ModelRegistry
from closecast.platform.signatures import Signer
from tests.journal_entries import batch, keys
from tests.killable import Killable
from tests.servers.processes import free_port
from tests.shadows import TABLES, other_than, recorded, registered
from tests.waiting import until

pytestmark = pytest.mark.integration
SINCE = datetime(2017, 12, 1, tzinfo=UTC)


@dataclass
class Stage:
    """The process, and what it works on."""

    process: Killable
    database: Connection
    registry: ModelRegistry
    champion: Identity
    shadow: Identity

    def health(self) -> tuple[int, dict[str, Any]]:
        answer = httpx.get(f"http://127.0.0.1:{self.process.port}/health", timeout=60)
        return answer.status_code, answer.json()

    def metrics(self) -> str:
        return httpx.get(f"http://127.0.0.1:{self.process.port}/metrics", timeout=60).text

    def stored(self) -> list[Any]:
        query = 'SELECT id, "row" FROM shadow_predictions WHERE model_run_id = %s ORDER BY 1, 2'
        return self.database.execute(query, [self.shadow.run_id]).fetchall()

    def until_stored(self, count: int) -> None:
        until(lambda: len(self.stored()) >= count, 90, told=lambda: self.process.log[-3000:])

    def until_it_says(self, **wanted: Any) -> dict[str, Any]:
        until(lambda: wanted.items() <= self.health()[1].items(), 90, told=lambda: self.process.log[-3000:])
        return self.health()[1]


@pytest.fixture
def stage(
    served_model: DealModel,
    empty_registry: ModelRegistry,
    mlflow_uri: str,
    database_url: str,
    shadow_url: str,
    tmp_path: Path,
) -> Iterator[Stage]:
    champion = registered(served_model, empty_registry, mlflow_uri, tmp_path / "champion")
    shadow = registered(other_than(served_model), empty_registry, mlflow_uri, tmp_path / "other")
    empty_registry.promote(champion.version)
    environment = {
        "CLOSECAST_DATABASE_URL": shadow_url,
        "MLFLOW_TRACKING_URI": mlflow_uri,
        "CLOSECAST_MODEL_CACHE": str(tmp_path / "cache"),
    }
    process = Killable("services.shadow", environment, tmp_path / "process", "http://127.0.0.1:{port}/metrics")
    with connect(database_url) as connection:
        connection.execute(f"TRUNCATE {TABLES}")
        yield Stage(process, connection, empty_registry, champion, shadow)
        process.stop()


def named(identity: Identity) -> dict[str, str]:
    return {"version": identity.version, "run_id": identity.run_id}


def test_a_version_with_the_alias_scores_and_kill_9_costs_and_doubles_nothing(stage: Stage) -> None:
    # given
    stage.process.start()
    assert stage.until_it_says(model=None, status="ready")["model_present"] == 0
    stage.registry.put_in_shadow(stage.shadow.version, "challenger", SINCE)
    stage.until_it_says(model=named(stage.shadow), status="ready")
    # when it is killed in the middle of its work, again and again
    entries = [batch(1_500, number, model_run_id=stage.champion.run_id) for number in range(12)]
    for one in entries:
        recorded(stage.database, [one])
    for part in (1, 6_000, 12_000):
        stage.until_stored(part)
        stage.process.kill()
        stage.process.start()
    stage.until_stored(18_000)
    # then
    assert stage.stored() == keys(entries)
    stage.until_it_says(batches_behind=0, status="ready")
    assert "closecast_shadow_model_present 1.0" in stage.metrics()
    # and once the alias is gone it rests
    stage.registry.end_shadow()
    stage.until_it_says(model=None, model_present=0)
    recorded(stage.database, [batch(10, 99, model_run_id=stage.champion.run_id)])
    assert stage.stored() == keys(entries)


def test_a_model_that_is_damaged_costs_only_its_own_results_and_is_told(stage: Stage) -> None:
    # given a version whose files are not those that were registered
    broken = stage.registry.identity(stage.registry.register(stage.champion.run_id, {"model_sha256": "0" * 64}))
    stage.registry.put_in_shadow(broken.version, "challenger", SINCE)
    # when
    stage.process.start()
    until(lambda: "model" in stage.health()[1]["problems"], 90, told=lambda: stage.process.log[-3000:])
    # then the service is well, and says what is wrong
    status, said = stage.health()
    assert status == 200
    assert f"version {broken.version}" in said["problems"]["model"]
    assert 'closecast_shadow_failing{part="model"} 1.0' in stage.metrics()
    assert "gives no results" in stage.process.log
    # and what is answered meanwhile is scored by the next version in shadow
    stage.registry.tag(stage.shadow.version, {"note": "whole"})
    stage.registry.put_in_shadow(stage.shadow.version, "challenger", SINCE)
    stage.until_it_says(model=named(stage.shadow), status="ready")
    recorded(stage.database, [batch(10, 1, model_run_id=stage.champion.run_id)])
    stage.until_stored(10)


def test_a_model_without_a_trusted_signature_does_not_score(
    stage: Stage, shadow_url: str, mlflow_uri: str, tmp_path: Path
) -> None:
    # given
    environment = {
        "CLOSECAST_DATABASE_URL": shadow_url,
        "MLFLOW_TRACKING_URI": mlflow_uri,
        "CLOSECAST_MODEL_CACHE": str(tmp_path / "cache"),
        "CLOSECAST_MODEL_PUBLIC_KEYS": Signer.from_text(secrets.token_urlsafe(32)).public,
    }
    careful = Killable("services.shadow", environment, tmp_path / "careful", "http://127.0.0.1:{port}/metrics")
    stage.process.stop()
    stage.process = careful
    stage.registry.put_in_shadow(stage.shadow.version, "challenger", SINCE)
    # when
    careful.start()
    until(lambda: "model" in stage.health()[1]["problems"], 90, told=lambda: careful.log[-3000:])
    # then
    assert "it bears no signature" in stage.health()[1]["problems"]["model"]
    careful.stop()


def test_while_the_registry_is_away_it_says_so_and_waits(shadow_url: str, tmp_path: Path) -> None:
    environment = {
        "CLOSECAST_DATABASE_URL": shadow_url,
        "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{free_port()}",
        "CLOSECAST_MODEL_CACHE": str(tmp_path / "cache"),
    }
    process = Killable("services.shadow", environment, tmp_path / "process", "http://127.0.0.1:{port}/metrics")
    process.start()
    try:
        address = f"http://127.0.0.1:{process.port}/health"
        until(lambda: "does not answer" in httpx.get(address).json()["problems"].get("registry", ""), 60)
        assert httpx.get(address).status_code == 503
    finally:
        process.stop()
