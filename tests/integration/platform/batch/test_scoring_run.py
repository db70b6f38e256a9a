"""A batch is named by its model, not by the number of its version, and scored by that model, on a real MLflow and S3."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from mlflow import MlflowClient

from closecast.models.deal_model import DealModel, digest
from closecast.platform.batch import scoring_run
from closecast.platform.lake.store import Lake
from closecast.platform.mlflow.http import LostError
from closecast.platform.mlflow.registry import DIGEST_TAG, Identity, ModelRegistry
from closecast.platform.settings import LakeSettings, RegistrySettings
from services.score.__main__ import Task, run
from tests.servers.localstack import S3

pytestmark = pytest.mark.integration
DAY = date(2017, 12, 31)


def _version_1(model: DealModel, client: MlflowClient, registry: ModelRegistry, folder: Path) -> Identity:
    for one in client.search_registered_models():
        client.delete_registered_model(one.name)
    made = client.create_run("0")
    model.save(folder)
    client.log_artifacts(made.info.run_id, str(folder), "model")
    tags = {DIGEST_TAG: digest(folder)}
    client.set_tag(made.info.run_id, DIGEST_TAG, tags[DIGEST_TAG])
    version = registry.register(made.info.run_id, tags)
    registry.promote(version)
    found = registry.champion_identity()
    assert found is not None
    assert found.version == "1"
    return found


def test_a_batch_of_one_version_1_is_no_batch_of_another(
    s3: S3, mlflow_uri: str, empty_registry: ModelRegistry, served_model: DealModel, tmp_path: Path
) -> None:
    client, lake = MlflowClient(mlflow_uri), Lake(LakeSettings.from_environment(s3.environment))
    deals = pd.DataFrame(
        [
            {
                "opportunity_id": "A1",
                "sales_agent": "Ada Berg",
                "product": "GTX Pro",
                "account": None,
                "engage_date": "2017-12-17",
            }
        ]
    )
    with lake.writing("incoming/a.parquet") as file:
        deals.to_parquet(file)
    calibration = served_model.scorer.calibration
    scorer = replace(served_model.scorer, calibration=replace(calibration, c=calibration.c + 0.5))
    other_model = DealModel(scorer, served_model.card, served_model.deals)

    # given a batch that is planned with one version 1, and the registered model made anew
    first = _version_1(served_model, client, empty_registry, tmp_path / "first")
    planned = scoring_run.plan(lake, "incoming", first, DAY, 30)
    second = _version_1(other_model, client, empty_registry, tmp_path / "second")
    later = scoring_run.plan(lake, "incoming", second, DAY, 30)
    # then they are two
    assert planned.target != later.target
    assert scoring_run.plan(lake, "incoming", first, DAY, 30) == planned

    # when the parts of both are scored
    for one in (planned, later):
        (part,) = one.missing(lake)
        told = one.meta(part)
        environment = {
            **s3.environment,
            "MLFLOW_TRACKING_URI": mlflow_uri,
            "CLOSECAST_SOURCE": told["source"],
            "CLOSECAST_TARGET": told["target"],
            "CLOSECAST_AS_OF": told["as_of"],
            "CLOSECAST_HORIZON": told["horizon"],
            "CLOSECAST_MODEL_VERSION": told["version"],
            "CLOSECAST_MODEL_RUN": told["run_id"],
            "CLOSECAST_MODEL_SHA256": told["model_sha256"],
            "CLOSECAST_MODEL_CACHE": str(tmp_path / "models"),
        }
        run(Task.from_environment(environment))
    # then each by the model that it was planned with
    chances = []
    for one, model in ((planned, first), (later, second)):
        with lake.opened(one.result("incoming/a.parquet")) as file:
            table = pq.read_table(file).to_pandas()
        assert (set(table["model_version"]), set(table["model_run_id"])) == ({"1"}, {model.run_id})
        chances.append(table["probability"][0])
    assert chances[0] != chances[1]

    # and files that are not those it was planned with are no part of it
    task = Task(
        "incoming/a.parquet",
        "predictions/x.parquet",
        DAY,
        30,
        replace(first, sha256="0" * 64),
        tmp_path / "models",
        LakeSettings.from_environment(s3.environment),
        RegistrySettings(mlflow_uri),
        None,
    )
    with pytest.raises(LostError, match="are not those that were registered"):
        run(task)
