"""A registered model that is deleted and made anew begins at version 1 again: nobody takes the one for the other.

With a real MLflow, PostgreSQL and Valkey: the API that runs, one that starts afresh, the journal, and a replay.
"""

import hashlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient
from mlflow import MlflowClient

from closecast.models.deal_model import DealModel, digest
from closecast.platform.mlflow.registry import DIGEST_TAG, ModelRegistry
from ops.api import replay
from ops.errors import OperatorError
from services.api.app import create_app
from services.api.settings import Settings
from tests.servers.processes import free_port
from tests.waiting import awaited, until

pytestmark = pytest.mark.integration
KEY = "a key"
DEAL = {"opportunity_id": "A1", "engage_date": "2017-12-17", "product": "GTX Pro", "sales_agent": "Ada Berg"}


@pytest.fixture
def other_model(served_model: DealModel) -> DealModel:
    """Another model: it answers otherwise."""
    calibration = served_model.scorer.calibration
    scorer = replace(served_model.scorer, calibration=replace(calibration, c=calibration.c + 0.5))
    return DealModel(scorer, replace(served_model.card, seed=8), served_model.deals)


@contextmanager
def _service(folder: Path, mlflow_uri: str, database: str, cache: str) -> Iterator[TestClient[Any]]:
    environment = {
        "MLFLOW_TRACKING_URI": mlflow_uri,
        "CLOSECAST_MODEL_CACHE": str(folder),
        "CLOSECAST_DATABASE_URL": database,
        "CLOSECAST_CACHE_URL": cache,
        "CLOSECAST_API_KEY_SHA256": hashlib.sha256(KEY.encode()).hexdigest(),
    }
    with TestClient(create_app(Settings.from_environment(environment))) as client:
        client.headers["X-API-Key"] = KEY
        yield client


def _champion(model: DealModel, client: MlflowClient, registry: ModelRegistry, folder: Path) -> str:
    """The run of `model`, which is version 1 of a registered model that begins with it."""
    for one in client.search_registered_models():
        client.delete_registered_model(one.name)
    run = client.create_run("0")
    model.save(folder)
    client.log_artifacts(run.info.run_id, str(folder), "model")
    version = registry.register(run.info.run_id, {DIGEST_TAG: digest(folder)})
    assert version == "1"
    registry.promote(version)
    return str(run.info.run_id)


@pytest.mark.usefixtures("journal")
def test_version_1_and_version_1(
    served_model: DealModel,
    other_model: DealModel,
    mlflow_uri: str,
    empty_registry: ModelRegistry,
    database_url: str,
    valkey_url: str,
    tmp_path: Path,
) -> None:
    client = MlflowClient(mlflow_uri)
    with _service(tmp_path / "running", mlflow_uri, database_url, valkey_url) as api:

        def serves(run: str) -> bool:
            answer = api.get("/v1/model")
            return answer.status_code == 200 and answer.json()["run_id"] == run

        def predicted() -> dict[str, Any]:
            return dict(api.post("/v1/predictions", json={"deal": DEAL, "as_of": "2017-12-31"}).json())

        def recorded(answer: dict[str, Any]) -> dict[str, Any]:
            found = awaited(
                lambda: one if (one := api.get(f"/v1/predictions/{answer['id']}")).status_code == 200 else None
            )
            return dict(found.json())

        # given an answer of the first version 1
        first = _champion(served_model, client, empty_registry, tmp_path / "first")
        until(lambda: serves(first))
        before = predicted()
        assert before["model"] == {"name": "closecast", "version": "1", "run_id": first, "kind": "model"}

        # when the registered model is deleted and made anew from another run
        second = _champion(other_model, client, empty_registry, tmp_path / "second")
        # then the running API takes it up, and says in each answer which one it was
        until(lambda: serves(second))
        assert api.get("/health/ready").json().get("reason") is None
        after = predicted()
        assert after["model"] == {"name": "closecast", "version": "1", "run_id": second, "kind": "model"}
        assert after["probability"] != before["probability"]
        batch = api.post("/v1/predictions/batch", json={"deals": [DEAL], "as_of": "2017-12-31"}).json()
        assert batch["model"]["run_id"] == second
        assert batch["predictions"][0]["probability"] == after["probability"]
        explained = api.post("/v1/explanations", json={"deal": DEAL, "as_of": "2017-12-31"}).json()
        assert (explained["model"]["run_id"], explained["probability"]) == (second, after["probability"])
        # as does one that starts afresh
        with _service(tmp_path / "fresh", mlflow_uri, database_url, valkey_url) as fresh:
            until(lambda: fresh.get("/health/ready").status_code == 200)
            assert fresh.get("/v1/model").json()["run_id"] == second

        # and each record is computed again by the run that made it
        records = recorded(before), recorded(after)
        assert [one["model"]["run_id"] for one in records] == [first, second]
        for one in records:
            assert all(line.is_same for line in replay.recompute(one, mlflow_uri, tmp_path / "replayed"))

        # one of before runs were written down is refused where its number was given again since
        unnamed = {**records[0], "model": {"name": "closecast", "version": "1", "run_id": None}}
        with pytest.raises(OperatorError, match="made by a version 1 that is gone: the registry's was registered at"):
            replay.recompute(unnamed, mlflow_uri, tmp_path / "replayed")
        # and computed where it was not
        unnamed = {**records[1], "model": {"name": "closecast", "version": "1", "run_id": None}}
        assert all(line.is_same for line in replay.recompute(unnamed, mlflow_uri, tmp_path / "replayed"))
        # and one whose run is gone is refused, whatever version 1 is now
        gone = {**records[0], "model": {"name": "closecast", "version": "1", "run_id": uuid.uuid4().hex}}
        with pytest.raises(OperatorError, match="is not available: the MLflow server has no run"):
            replay.recompute(gone, mlflow_uri, tmp_path / "replayed")
    # and an instance that starts while the registry is away serves the later one
    with _service(tmp_path / "running", f"http://127.0.0.1:{free_port()}", database_url, valkey_url) as alone:
        assert alone.get("/v1/model").json()["run_id"] == second
