"""The model registry: the champion's version, its model in a local folder, and promotions."""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from closecast.deals.calendar import CALENDAR_YEAR, FiscalCalendar
from closecast.models.card import CHAMPION
from closecast.models.deal_model import FILES, DealModel, ModelError
from closecast.models.manifest import MANIFEST, Manifest, digest
from closecast.models.scorer import FILES as SCORER_FILES
from closecast.monitoring.files import FILES as REFERENCE_FILES
from closecast.platform.mlflow.copies import MODEL_FOLDER, fetch, keep_signature, move_into_place, signature_file
from closecast.platform.mlflow.http import LostError, MlflowHttp, RegistryError
from closecast.platform.mlflow.identity import MODEL_NAME, Identity, Served, folder_name, read
from closecast.platform.settings import Login
from closecast.platform.signatures import SIGNATURE_TAG, Signer, TrustedKeys

__all__ = [
    "CHALLENGER",
    "CHAMPION",
    "DIGEST_TAG",
    "MODEL_FOLDER",
    "MODEL_NAME",
    "REFERENCE_FOLDER",
    "REPORT_FOLDER",
    "SHADOW",
    "SOURCE_TAG",
    "TWIN_FOLDER",
    "Identity",
    "LostError",
    "ModelRegistry",
    "NoChampionError",
    "Registered",
    "RegistryError",
    "Served",
]

CHALLENGER = "challenger"
Role = Literal["champion", "shadow", "challenger"]  # the aliases
SHADOW = "shadow"  # the version that is scored beside the champion; one at a time
ROLE_TAG, SINCE_TAG = "shadow_role", "shadow_since"  # of a version in shadow: why it is there, and since when
CHALLENGER_ROLE, FORMER_ROLE = "challenger", "former champion"
SAID_TAG = "shadow_verdict"  # of a version that is or was in shadow: what outcomes said last
TWIN_FOLDER = "evaluation"  # artifact folder of the evaluation twin, which has not seen the held-out rows
REFERENCE_FOLDER = "reference"  # artifact folder of what the model is watched with
REPORT_FOLDER = "report"  # artifact folder of what people read
EVALUATION_FILE = "evaluation.json"  # in that folder
_MOST_EVALUATION = 8_000_000  # bytes; that of a million rows has about one
DIGEST_TAG = "model_sha256"  # of a version and of its run: closecast.models.manifest.digest of the model folder
SOURCE_TAG = "source"  # of a version and of its run: the source of the training data
_ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")  # no such model, no such alias


class NoChampionError(RegistryError):
    """The registry answers, but no version has been promoted yet."""


@dataclass(frozen=True)
class Registered:
    """A registered version, when it was registered (UTC), its tags, and its role."""

    identity: Identity
    made_at: datetime
    tags: dict[str, str]
    role: Role | None


class ModelRegistry:
    """Versions of the registered model `closecast` on the MLflow server at `tracking_uri`.

    It uses MLflow's REST API directly: readers (the API) need no MLflow package, which costs 2 s and 50 MB, and
    a server that does not answer is reported within seconds. Every method raises RegistryError then, and its subclass
    LostError when the server answers but a stored object is gone.
    """

    def __init__(self, tracking_uri: str, trusted: TrustedKeys | None = None, login: Login | None = None) -> None:
        """`login` authenticates to the server.

        Only models signed by a key of `trusted` are loaded; without keys, all whose hash is right.
        """
        self._http = MlflowHttp(tracking_uri, login)
        self._trusted = trusted

    def champion_identity(self) -> Identity | None:
        """The identity of the champion, None while there is none. One request."""
        found = self._alias()
        return None if found is None else _identity(found)

    def shadow_identity(self) -> Identity | None:
        """The identity of the version in shadow, None while there is none. One request."""
        found = self._alias(SHADOW)
        return None if found is None else _identity(found)

    def champion_version(self) -> str | None:
        """The version number of the champion, None while there is none."""
        found = self.champion_identity()
        return None if found is None else found.version

    def champion(self, cache: Path) -> Served:
        """The champion, loaded through `cache`. Raises NoChampionError while there is none."""
        found = self.champion_identity()
        if found is None:
            raise NoChampionError(f"the registry has no {MODEL_NAME} champion yet: run the train flow")
        return self.served(found, cache)

    def identity(self, version: str) -> Identity:
        """The identity of `version`. Raises RegistryError when there is no such version."""
        return _identity(self._version(version))

    def find(self, version: str) -> Identity | None:
        """The identity of `version`; None when there is no such version."""
        found = self._found(version)
        return None if found is None else _identity(found)

    def versions(self, most: int) -> list[Registered]:
        """The latest `most` versions, the latest first."""
        query = {
            "filter": f"name='{MODEL_NAME}'",
            "max_results": str(most),
            "order_by": "version_number DESC",
        }
        found = self._http.get("mlflow/model-versions/search", query) or {}
        aliases = {alias: self._alias(alias) for alias in get_args(Role)}
        roles = {str(one["version"]): alias for alias, one in reversed(aliases.items()) if one is not None}
        return [
            Registered(
                _identity(one),
                _made_at(one),
                _tags(one),
                roles.get(str(one["version"])),
            )
            for one in found.get("model_versions", [])
        ]

    def evaluation(self, identity: Identity) -> bytes:
        """The report of the training that made `identity`, as it was written. Raises LostError when it is gone."""
        return self._http.artifact(self._artifact_uri(identity), REPORT_FOLDER, EVALUATION_FILE, _MOST_EVALUATION)

    def made_at(self, version: str) -> datetime:
        """When `version` was registered, UTC."""
        return _made_at(self._version(version))

    def load(self, version: str, cache: Path) -> DealModel:
        """Load the model of `version`; its folder is downloaded into `cache` once.

        Raises ModelError when this version of Closecast cannot use the downloaded model.
        """
        return self.served(self.identity(version), cache).model

    def served(self, identity: Identity, cache: Path) -> Served:
        """Load the model with this `identity`, whatever version has its number now; through `cache`, as `load` does.

        Raises LostError when its artifacts are gone or are not those of its hash, and ModelError as `load` does.
        """
        folder = cache / folder_name(identity)
        if self._trusted is not None and identity.signature is None:
            identity = self._signed(identity, folder)
        if not folder.exists():
            cache.mkdir(parents=True, exist_ok=True)
            partial = Path(tempfile.mkdtemp(dir=cache, prefix=".partial-"))
            try:
                self._fetch_model(identity, partial)
                move_into_place(partial, folder)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
        try:
            served = self.read(identity, folder)
        except ModelError:
            # A damaged copy would fail forever.
            shutil.rmtree(folder, ignore_errors=True)
            raise
        if identity.signature is not None:
            keep_signature(folder, identity.signature)
        return served

    def read(self, identity: Identity, folder: Path) -> Served:
        """Load the copy of `identity` in `folder` without the server.

        Raises ModelError as closecast.platform.mlflow.identity.read.
        """
        return read(identity, folder, self._trusted)

    def twin(self, model: Served, folder: Path) -> Path:
        """Fetch the evaluation twin of `model` into `folder`, verify it with the model's manifest, and return `folder`.

        Raises LostError when it is gone or differs, and ModelError when the model's manifest names none.
        """
        return self._beside(model, TWIN_FOLDER, SCORER_FILES, folder)

    def reference(self, model: Served, folder: Path) -> Path:
        """Fetch the reference that `model` is watched with (closecast.monitoring.reference), as `twin` does."""
        return self._beside(model, REFERENCE_FOLDER, REFERENCE_FILES, folder)

    def _beside(self, model: Served, name: str, needed: tuple[str, ...], folder: Path) -> Path:
        manifest = Manifest.from_json((model.folder / MANIFEST).read_bytes())
        if (wanted := manifest.beside.get(name)) is None:
            raise ModelError(f"the manifest of {model.identity} names no folder {name}/: train anew")
        source = (self._artifact_uri(model.identity), name)
        fetch(self._http, self._trusted, model.identity, source, folder, needed, wanted)
        return folder

    def delete_run(self, run_id: str, folder: str) -> None:
        """Delete a run and its artifacts in `folder`; nothing for a run that is gone."""
        try:
            self.delete_folder(run_id, folder)
        except LostError:
            return
        self._http.post("mlflow/runs/delete", {"run_id": run_id})

    def delete_folder(self, run_id: str, folder: str) -> None:
        """Delete the files in `folder` of a run's artifacts. Raises LostError when the run is gone."""
        uri = self._artifact_uri(Identity("", run_id))
        for name in self._http.listed_artifacts(uri, folder):
            self._http.delete_artifact(uri, folder, name)

    def check_stored(self, identity: Identity) -> None:
        """Raise LostError when the registry no longer has the files of `identity`."""
        self._http.stored_artifacts(self._artifact_uri(identity), MODEL_FOLDER, (*FILES, MANIFEST))

    def check_place(self, run_id: str) -> None:
        """Raise LostError when the server cannot store artifacts of `run_id`."""
        self._http.listed_artifacts(self._artifact_uri(Identity("", run_id)), MODEL_FOLDER)

    def tags(self, version: str) -> dict[str, str]:
        """The tags of `version`: its source, data hash and the evidence of its promotion or refusal."""
        return _tags(self._version(version))

    def run_tags(self, run_id: str) -> dict[str, str]:
        """The tags of a run; none for one that is gone."""
        try:
            return _tags(self._run(Identity("", run_id)).get("data", {}))
        except LostError:
            return {}

    def champion_fiscal(self) -> FiscalCalendar:
        """The champion's fiscal calendar; the calendar year if there is no champion or its card does not say."""
        found = self._alias()
        tags = {} if found is None else _tags(found)
        return FiscalCalendar(int(tags.get("fiscal_year_start", CALENDAR_YEAR.first_month)))

    def source(self, identity: Identity) -> str | None:
        """The source of the model's training data, from the tags of its version, else of its run; None if neither has it."""
        found = self._alias()
        named = {} if found is None or _identity(found) != identity else _tags(found)
        try:
            return named.get(SOURCE_TAG) or _tags(self._run(identity).get("data", {})).get(SOURCE_TAG) or None
        except LostError:
            return None

    def register(self, run_id: str, tags: Mapping[str, str]) -> str:
        """Register the model folder of `run_id` as a new version with `tags`, and return the version."""
        found = self._http.get("mlflow/registered-models/get", {"name": MODEL_NAME}, absent=_ABSENT)
        if found is None:
            self._http.post("mlflow/registered-models/create", {"name": MODEL_NAME}, exists_is_fine=True)
        run = self._http.get("mlflow/runs/get", {"run_id": run_id})
        assert run is not None  # None only for `absent`
        source = f"{run['run']['info']['artifact_uri']}/{MODEL_FOLDER}"
        listed = [{"key": key, "value": value} for key, value in tags.items()]
        body = {"name": MODEL_NAME, "source": source, "run_id": run_id, "tags": listed}
        return str(self._http.post("mlflow/model-versions/create", body)["model_version"]["version"])

    def challenge(self, version: str, evidence: Mapping[str, str]) -> None:
        """Write `evidence` on `version` as tags and make it challenger: the newest version that the gate has seen."""
        self.tag(version, evidence)
        self._set_alias(CHALLENGER, version)

    def promote(self, version: str) -> None:
        """Make `version` champion unconditionally.

        Callers must hold the lock of closecast.platform.mlflow.promotions.
        """
        self._set_alias(CHAMPION, version)

    def put_in_shadow(self, version: str, role: str, since: datetime) -> None:
        """Give `version` the alias SHADOW, in `role` (CHALLENGER_ROLE or FORMER_ROLE); the version that had it before loses it. Doing it again is fine."""
        # Tags first: a version that has the alias has them.
        self.tag(version, {ROLE_TAG: role, SINCE_TAG: since.isoformat(timespec="seconds")})
        self._set_alias(SHADOW, version)

    def end_shadow(self) -> None:
        """Take the alias SHADOW away, whichever version has it."""
        self._http.delete("mlflow/registered-models/alias", {"name": MODEL_NAME, "alias": SHADOW}, absent=_ABSENT)

    def tag(self, version: str, tags: Mapping[str, str]) -> None:
        """Write `tags` on `version`."""
        for key, value in tags.items():
            body = {"name": MODEL_NAME, "version": version, "key": key, "value": value}
            self._http.post("mlflow/model-versions/set-tag", body)

    def sign(self, model: Identity, signer: Signer) -> None:
        """Write the hash of `model`'s manifest and a signature on its version and its run.

        Raises RegistryError when the version's number stands for another run by now.
        """
        if self.identity(model.version).run_id != model.run_id or model.sha256 is None:
            raise RegistryError(f"{model} cannot be signed: its version's number stands for another model")
        signature = signer.sign(MODEL_NAME, model.run_id, model.sha256)
        for key, value in ((DIGEST_TAG, model.sha256), (SIGNATURE_TAG, signature)):
            self._http.post("mlflow/runs/set-tag", {"run_id": model.run_id, "key": key, "value": value})
            body = {"name": MODEL_NAME, "version": model.version, "key": key, "value": value}
            self._http.post("mlflow/model-versions/set-tag", body)

    def _set_alias(self, alias: str, version: str) -> None:
        body = {"name": MODEL_NAME, "alias": alias, "version": version}
        self._http.post("mlflow/registered-models/alias", body)

    def _alias(self, alias: str = CHAMPION) -> dict[str, Any] | None:
        query = {"name": MODEL_NAME, "alias": alias}
        found = self._http.get("mlflow/registered-models/alias", query, absent=_ABSENT)
        return None if found is None else dict(found["model_version"])

    def _version(self, version: str) -> dict[str, Any]:
        found = self._found(version)
        if found is None:
            raise RegistryError(f"the registry has no version {version} of {MODEL_NAME}")
        return found

    def _found(self, version: str) -> dict[str, Any] | None:
        query = {"name": MODEL_NAME, "version": version}
        found = self._http.get("mlflow/model-versions/get", query, absent=_ABSENT)
        return None if found is None else dict(found["model_version"])

    def _run(self, identity: Identity) -> dict[str, Any]:
        if not identity.run_id:
            raise LostError(f"{identity} of {MODEL_NAME} names no run: it was not registered from one")
        found = self._http.get("mlflow/runs/get", {"run_id": identity.run_id}, absent=_ABSENT)
        if found is None:
            raise LostError(f"the MLflow server has no run {identity.run_id} any more, which {identity} was made by")
        return dict(found["run"])

    def _artifact_uri(self, identity: Identity) -> str:
        return str(self._run(identity)["info"]["artifact_uri"])

    def _signed(self, identity: Identity, folder: Path) -> Identity:
        """Add the signature kept with the copy, else the run's."""
        assert self._trusted is not None
        try:
            kept = signature_file(folder).read_text()[:1_000]
            self._trusted.check(MODEL_NAME, identity.run_id, digest(folder), kept)
            return replace(identity, signature=kept)
        except (OSError, ModelError):
            return replace(identity, signature=_tags(self._run(identity).get("data", {})).get(SIGNATURE_TAG))

    def _fetch_model(self, identity: Identity, target: Path) -> None:
        """Fetch the model. Raises LostError also for files that don't match the hash of the version or run."""
        run = self._run(identity)
        wanted = identity.sha256 or _tags(run.get("data", {})).get(DIGEST_TAG)
        source = (str(run["info"]["artifact_uri"]), MODEL_FOLDER)
        fetch(self._http, self._trusted, identity, source, target, FILES, wanted)


def _identity(found: Mapping[str, Any]) -> Identity:
    tags = _tags(found)
    return Identity(
        str(found["version"]), str(found.get("run_id", "")), tags.get(DIGEST_TAG), tags.get(SIGNATURE_TAG) or None
    )


def _made_at(found: Mapping[str, Any]) -> datetime:
    return datetime.fromtimestamp(int(found["creation_timestamp"]) / 1_000, UTC)


def _tags(found: Mapping[str, Any]) -> dict[str, str]:
    return {str(tag["key"]): str(tag["value"]) for tag in found.get("tags", [])}
