"""One MLflow run: parameters, metrics, tags and folders of files, logged through the official client."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from closecast.platform.mlflow.http import DeniedError, RegistryError

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "closecast"
# The client's own defaults keep a caller waiting for minutes when the server is gone.
_CLIENT_DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


@dataclass(frozen=True)
class Run:
    """A run that is being written."""

    run_id: str
    experiment_id: str
    _client: "MlflowClient"

    def log(self, parameters: Mapping[str, object], metrics: Mapping[str, float], tags: Mapping[str, str]) -> None:
        """Log parameters (as text), metrics and tags in one request."""
        from mlflow.entities import Metric, Param, RunTag

        now = time.time_ns() // 1_000_000
        self._client.log_batch(
            self.run_id,
            metrics=[Metric(key, value, now, 0) for key, value in metrics.items()],
            params=[Param(key, str(value)) for key, value in parameters.items()],
            tags=[RunTag(key, value) for key, value in tags.items()],
        )

    def log_dataset(self, name: str, digest: str, key: str, rows: int) -> None:
        """Log the training data as an MLflow dataset: its name, hash and key in the lake."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        place = json.dumps({"uri": key})
        data = Dataset(
            name=name, digest=digest[:36], source_type="s3", source=place, profile=json.dumps({"num_rows": rows})
        )
        self._client.log_inputs(self.run_id, [DatasetInput(data, [InputTag("mlflow.data.context", "training")])])

    def log_folder(self, folder: Path, name: str) -> None:
        """Log the files of `folder` as the artifact folder `name`, through the server's proxy."""
        self._client.log_artifacts(self.run_id, str(folder), name)


@contextmanager
def started(tracking_uri: str, name: str, experiment: str = EXPERIMENT) -> Iterator[Run]:
    """Start a run of `experiment`, created if absent, which is finished at the end of the block, or marked as failed by an exception.

    MLflow's own client writes it, and takes its login from the environment: MLFLOW_TRACKING_USERNAME,
    MLFLOW_TRACKING_PASSWORD. Raises RegistryError when the MLflow server cannot be reached or refuses, and DeniedError,
    which is one, for a wrong login.
    """
    for variable, value in _CLIENT_DEFAULTS.items():
        os.environ.setdefault(variable, value)
    # Imported here: it takes 2 s, and nothing else in this package needs it.
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    client = MlflowClient(tracking_uri)
    try:
        identifier = _experiment(client, experiment)
        run = Run(client.create_run(identifier, run_name=name).info.run_id, identifier, client)
        try:
            yield run
        except BaseException:
            client.set_terminated(run.run_id, "FAILED")
            raise
        client.set_terminated(run.run_id)
    except MlflowException as error:
        denied = error.error_code in ("UNAUTHENTICATED", "PERMISSION_DENIED")
        message = f"the MLflow server at {tracking_uri} failed: {' '.join(str(error).split())}"
        raise (DeniedError if denied else RegistryError)(message) from error


def _experiment(client: "MlflowClient", name: str) -> str:
    found = client.get_experiment_by_name(name)
    return str(client.create_experiment(name) if found is None else found.experiment_id)
