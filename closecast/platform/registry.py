"""The model registry: which version is champion, its model as a local folder, and the promotion of another."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from closecast.features.calendar import CALENDAR_YEAR, FiscalCalendar
from closecast.models.deal_model import DealModel, ModelError
from closecast.platform.mlflow_http import MlflowHttp, RegistryError

__all__ = [
    "CHALLENGER",
    "CHAMPION",
    "MODEL_FOLDER",
    "MODEL_NAME",
    "ModelRegistry",
    "NoChampionError",
    "RegistryError",
    "Served",
]

MODEL_NAME = "closecast"
CHAMPION = "champion"
CHALLENGER = "challenger"
MODEL_FOLDER = "model"  # in a run's artifacts: the model that serves
_ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")  # no such model, no such alias


class NoChampionError(RegistryError):
    """The registry answers, but no version has been promoted yet."""


@dataclass(frozen=True)
class Served:
    """One version of the registered model, ready to predict, and the folder of this machine it was read from."""

    version: str
    model: DealModel
    folder: Path


class ModelRegistry:
    """Versions of the registered model `closecast` on the MLflow server at `tracking_uri`.

    Speaks MLflow's REST interface itself: readers (the API) need no MLflow package, which costs 2 s and 50 MB, and
    a server that does not answer is reported within seconds. Every method raises RegistryError then.
    """

    def __init__(self, tracking_uri: str) -> None:
        self._http = MlflowHttp(tracking_uri)

    def champion_version(self) -> str | None:
        """The version that bears the alias `champion`, None while there is none. One request."""
        found = self._alias()
        return None if found is None else str(found["version"])

    def champion(self, cache: Path) -> Served:
        """The champion, loaded through `cache`. Raises NoChampionError while there is none."""
        found = self._alias()
        if found is None:
            raise NoChampionError(f"the registry has no {MODEL_NAME} champion yet: run the train flow")
        model, folder = self._load(found, cache)
        return Served(str(found["version"]), model, folder)

    def load(self, version: str, cache: Path) -> DealModel:
        """The model of `version`; its folder is downloaded once into `cache` and read from there afterwards.

        Raises ModelError when what was downloaded is no model this version of Closecast can use.
        """
        return self._load(self._version(version), cache)[0]

    def tags(self, version: str) -> dict[str, str]:
        """The tags of `version`: its source, data hash and the evidence of its promotion or refusal."""
        return {tag["key"]: tag["value"] for tag in self._version(version).get("tags", [])}

    def champion_fiscal(self) -> FiscalCalendar:
        """The champion's fiscal year; the calendar year while there is no champion, or one from before this was told."""
        found = self._alias()
        tags = {} if found is None else {tag["key"]: tag["value"] for tag in found.get("tags", [])}
        return FiscalCalendar(int(tags.get("fiscal_year_start", CALENDAR_YEAR.first_month)))

    def download(self, version: str, folder: str, target: Path) -> Path:
        """Fetch `folder` of the artifacts of the run behind `version` into `target`, and return `target`."""
        self._fetch(self._version(version), folder, target)
        return target

    def register(self, run_id: str, tags: Mapping[str, str]) -> str:
        """Make the model folder of `run_id` a new version with `tags`, and return that version."""
        found = self._http.get("mlflow/registered-models/get", {"name": MODEL_NAME}, absent=_ABSENT)
        if found is None:
            self._http.post("mlflow/registered-models/create", {"name": MODEL_NAME}, exists_is_fine=True)
        run = self._http.get("mlflow/runs/get", {"run_id": run_id})
        assert run is not None  # only `absent` answers give None
        source = f"{run['run']['info']['artifact_uri']}/{MODEL_FOLDER}"
        listed = [{"key": key, "value": value} for key, value in tags.items()]
        body = {"name": MODEL_NAME, "source": source, "run_id": run_id, "tags": listed}
        return str(self._http.post("mlflow/model-versions/create", body)["model_version"]["version"])

    def challenge(self, version: str, evidence: Mapping[str, str]) -> None:
        """Write `evidence` on `version` as tags and make it challenger: the newest that stood for the gate."""
        for key, value in evidence.items():
            body = {"name": MODEL_NAME, "version": version, "key": key, "value": value}
            self._http.post("mlflow/model-versions/set-tag", body)
        self._set_alias(CHALLENGER, version)

    def promote(self, version: str) -> None:
        """Make `version` champion, after `challenge` has written its evidence: so no champion lacks it."""
        self._set_alias(CHAMPION, version)

    def _set_alias(self, alias: str, version: str) -> None:
        body = {"name": MODEL_NAME, "alias": alias, "version": version}
        self._http.post("mlflow/registered-models/alias", body)

    def _alias(self) -> dict[str, Any] | None:
        query = {"name": MODEL_NAME, "alias": CHAMPION}
        found = self._http.get("mlflow/registered-models/alias", query, absent=_ABSENT)
        return None if found is None else dict(found["model_version"])

    def _version(self, version: str) -> dict[str, Any]:
        found = self._http.get("mlflow/model-versions/get", {"name": MODEL_NAME, "version": version}, absent=_ABSENT)
        if found is None:
            raise RegistryError(f"the registry has no version {version} of {MODEL_NAME}")
        return dict(found["model_version"])

    def _load(self, found: dict[str, Any], cache: Path) -> tuple[DealModel, Path]:
        # The run belongs to the name: version numbers start again when a platform is purged, runs are unique.
        folder = cache / f"{MODEL_NAME}-{found['version']}-{found['run_id']}"
        if not folder.exists():
            cache.mkdir(parents=True, exist_ok=True)
            partial = Path(tempfile.mkdtemp(dir=cache, prefix=".partial-"))
            try:
                self._fetch(found, MODEL_FOLDER, partial)
                _move(partial, folder)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
        try:
            return DealModel.load(folder), folder
        except ModelError:
            # Kept, a damaged copy would fail for ever.
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def _fetch(self, found: dict[str, Any], folder: str, target: Path) -> None:
        run = self._http.get("mlflow/runs/get", {"run_id": found["run_id"]})
        assert run is not None
        self._http.download_artifacts(str(run["run"]["info"]["artifact_uri"]), folder, target)


def _move(partial: Path, folder: Path) -> None:
    """Another process of this machine may have been quicker; its copy is the same."""
    try:
        os.rename(partial, folder)  # noqa: PTH104 - Path.rename documents nothing about a target folder that exists
    except OSError:
        if not folder.exists():
            raise
