"""Models in a registry, and closed batches of predictions, for tests of what happens in shadow."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from mlflow import MlflowClient

from closecast import features
from closecast.models.deal_model import DealModel, digest
from closecast.platform.journal.archive import close_batch
from closecast.platform.journal.entry import Entry
from closecast.platform.journal.store import Connection, insert
from closecast.platform.mlflow.registry import DIGEST_TAG, Identity, ModelRegistry

TABLES = (
    "predictions, archive_batches, outcomes, known_deals, matured_predictions, judgements, shadow_predictions, "
    + ("shadow_positions, shadow_comparisons, champion_changes")
)
BASIS = {
    "source": "synthetic",
    "fiscal_year_start": "1",
    "features": ",".join(features.NAMES),
    "data_as_of": "2017-11-30",
}


def registered(model: DealModel, registry: ModelRegistry, mlflow_uri: str, folder: Path, **tags: str) -> Identity:
    """`model` as a new version, with the tags of BASIS and `tags` on version and run."""
    client = MlflowClient(mlflow_uri)
    model.save(folder)
    known = {**BASIS, **tags}
    run = client.create_run("0", tags=known)
    client.log_artifacts(run.info.run_id, str(folder), "model")
    return registry.identity(registry.register(run.info.run_id, {**known, DIGEST_TAG: digest(folder)}))


def other_than(model: DealModel, shift: float = 0.5) -> DealModel:
    """Another model: its log-odds are higher by `shift`."""
    calibration = model.scorer.calibration
    scorer = replace(model.scorer, calibration=replace(calibration, c=calibration.c + shift))
    return DealModel(scorer, replace(model.card, seed=8), model.deals)


def recorded(connection: Connection, entries: Iterable[Entry]) -> None:
    """Store `entries` in a batch of their own, and close it."""
    insert(connection, list(entries))
    assert close_batch(connection, 1, timedelta(days=1)) is not None
