"""A champion that is deleted in MLflow while it serves: the API goes on, also after a restart, and says what is wrong."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar.testing import TestClient
from mlflow import MlflowClient

from closecast.models.deal_model import DealModel, digest
from closecast.platform.mlflow.promotions import hold_promotion_lock
from closecast.platform.mlflow.registry import DIGEST_TAG, Identity, ModelRegistry
from closecast.platform.settings import DatabaseSettings
from services.api.app import create_app
from services.api.settings import Settings
from tests.conftest import Logged
from tests.unit.services.api.conftest import KEY, environment
from tests.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.slow]
DEAL = {"opportunity_id": "A1", "engage_date": "2017-12-17"}
NO_CHAMPION = "the registry has no champion any more, and version 2 (run {run}) goes on serving"
LOST = "version 2 (run {run}) serves from this machine's copy, its artifacts are gone"


def _lose_artifacts(client: MlflowClient, model: Identity) -> None:
    root = httpx.URL(client.get_run(model.run_id).info.artifact_uri or "").path
    for file in client.list_artifacts(model.run_id, "model"):
        httpx.delete(f"{client.tracking_uri}/api/2.0/mlflow-artifacts/artifacts{root}/{file.path}").raise_for_status()


DELETIONS: dict[str, tuple[Callable[[MlflowClient, Identity], None], str | None]] = {
    "version": (lambda client, model: client.delete_model_version("closecast", model.version), NO_CHAMPION),
    "registered model": (lambda client, _model: client.delete_registered_model("closecast"), NO_CHAMPION),
    "alias": (lambda client, _model: client.delete_registered_model_alias("closecast", "champion"), NO_CHAMPION),
    "run": (lambda client, model: client.delete_run(model.run_id), None),  # MLflow keeps it until `mlflow gc`
    "artifacts": (_lose_artifacts, LOST),
}


@contextmanager
def _service(folder: Path, mlflow_uri: str, database: str) -> Iterator[TestClient[Any]]:
    variables = {**environment(folder, mlflow_uri), "CLOSECAST_DATABASE_URL": database}
    with TestClient(create_app(Settings.from_environment(variables)), raise_server_exceptions=False) as client:
        client.headers["X-API-Key"] = KEY
        yield client


@pytest.fixture
def champions(
    served_model: DealModel,
    mlflow_uri: str,
    empty_registry: ModelRegistry,
    promotion_lock: DatabaseSettings,
    tmp_path: Path,
) -> list[Identity]:
    """Two, of which the second is in office."""
    client, made = MlflowClient(mlflow_uri), []
    served_model.save(tmp_path / "saved")
    for _ in range(2):
        run = client.create_run("0").info.run_id
        client.log_artifacts(run, str(tmp_path / "saved"), "model")
        tags = {DIGEST_TAG: digest(tmp_path / "saved"), "decision": "promoted"}
        made.append(empty_registry.identity(empty_registry.register(run, tags)))
        with hold_promotion_lock(promotion_lock.url, "flow train/a-test") as held:
            assert held.promote(empty_registry, made[-1], empty_registry.champion_identity())
    return made


def _answers(api: TestClient[Any], model: Identity) -> bool:
    """Whether single predictions, explanations, batches and the ranking all come from `model`."""
    question = {"deal": DEAL, "as_of": "2017-12-31"}
    asked = [
        api.post("/v1/predictions", json=question),
        api.post("/v1/explanations", json=question),
        api.post("/v1/predictions/batch", json={"deals": [DEAL], "as_of": "2017-12-31"}),
        api.get("/v1/pipeline"),
    ]
    return all(one.status_code < 300 and one.json()["model"]["run_id"] == model.run_id for one in asked)


def _told(api: TestClient[Any], problem: str | None) -> bool:
    """Whether the health page, the model and the metrics all tell of `problem`, while a model serves."""
    health, model, metrics = (api.get(path) for path in ("/health/ready", "/v1/model", "/metrics"))
    if health.status_code != 200:
        return False
    told = health.json().get("reason"), model.json()["registry_problem"]
    fits = told == (None, None) if problem is None else all(problem in str(one) for one in told)
    return fits and f"closecast_model_problem {float(problem is not None)}" in metrics.text


@pytest.mark.parametrize("kind", DELETIONS)
def test_the_service_goes_on_and_says_so(
    kind: str, champions: list[Identity], mlflow_uri: str, database_url: str, tmp_path: Path, logged: Logged
) -> None:
    delete, words = DELETIONS[kind]
    client, champion = MlflowClient(mlflow_uri), champions[1]
    expected = None if words is None else words.format(run=champion.run_id[:8])
    with _service(tmp_path / "models", mlflow_uri, database_url) as api:
        until(lambda: _told(api, None))
        # when
        delete(client, champion)
        # then it answers on, and says what is wrong as soon as it looks
        if words == NO_CHAMPION:
            until(lambda: _told(api, expected))
        assert _answers(api, champion)
    # when it is restarted
    with _service(tmp_path / "models", mlflow_uri, database_url) as api:
        # then it serves from its disk, and says the same
        until(lambda: _told(api, expected))
        assert _answers(api, champion)
        assert expected is None or any(expected in str(line.get("problem")) for line in logged())
    # and an instance that has no copy serves only what is left
    with _service(tmp_path / "fresh", mlflow_uri, database_url) as fresh:
        if expected is None:
            until(lambda: fresh.get("/health/ready").status_code == 200)
            assert _answers(fresh, champion)
        else:
            reason = {NO_CHAMPION: "the registry has no champion", LOST: "its artifacts are gone"}[str(words)]
            until(lambda: reason in fresh.get("/health/ready").json()["reason"])
            assert fresh.get("/health/ready").status_code == 503


def test_going_back_ends_the_state(
    champions: list[Identity], mlflow_uri: str, database_url: str, tmp_path: Path
) -> None:
    client, (first, second) = MlflowClient(mlflow_uri), champions
    with _service(tmp_path / "models", mlflow_uri, database_url) as api:
        until(lambda: api.get("/health/ready").status_code == 200)
        # when the alias is deleted, then it is set again
        client.delete_registered_model_alias("closecast", "champion")
        until(lambda: _told(api, "just rollback"))
        back = api.post("/v1/model/rollback", json={"expected": "none"}).json()
        assert (back["champion"], back["target"]["run_id"]) == (None, second.run_id)
        until(lambda: _told(api, None))
        # when the version is deleted, then the one before is named, and can be gone back to
        client.delete_model_version("closecast", second.version)
        refused = api.post("/v1/model/rollback", json={"expected": "none"})
        assert f"the nearest that is left is {first}: `just rollback {first.version}`" in refused.json()["detail"]
        assert api.post("/v1/model/rollback", json={"expected": "none", "version": first.version}).json()["done"]
        until(lambda: api.get("/v1/model").json()["run_id"] == first.run_id and _told(api, None))
        assert _answers(api, first)
        # when the copies on this disk are deleted too, then single answers go on from memory
        client.delete_registered_model("closecast")
        shutil.rmtree(tmp_path / "models")
        until(lambda: _told(api, "no champion any more"))
        assert api.post("/v1/predictions", json={"deal": DEAL}).status_code < 300
        refused = api.post("/v1/model/rollback", json={"expected": "none"})
        assert "no earlier one is left: train a new model" in refused.json()["detail"]
