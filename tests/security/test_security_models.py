"""Who can write into the registry and its artifacts, and has no signing key, gets no model into the service, and never ends it.

On a real MLflow, by the service as it is served.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient
from mlflow import MlflowClient

from closecast.models import manifest
from closecast.models.deal_model import DealModel, ModelError, digest
from closecast.platform.mlflow.registry import DIGEST_TAG, MODEL_NAME, Identity, ModelRegistry
from closecast.platform.signatures import SIGNATURE_TAG, Signer, TrustedKeys
from ops.model import signing
from ops.setup.credentials import Credentials
from services.api.app import create_app
from services.api.settings import Settings
from tests.waiting import until

pytestmark = pytest.mark.integration
KEY = "a key"
DEAL = {"opportunity_id": "A1", "engage_date": "2017-12-17", "product": "GTX Pro", "sales_agent": "Ada Berg"}
OURS, STRANGER = (Signer.from_text(secrets.token_urlsafe(32)) for _ in range(2))
Change = Callable[[Path], None]


@dataclass
class Stage:
    """A registry, and what an attacker makes champion in it."""

    registry: ModelRegistry
    client: MlflowClient
    model: DealModel
    folder: Path

    def champion(
        self,
        change: Change | None = None,
        signer: Signer | None = OURS,
        of_run: str | None = None,
        late: Change | None = None,
    ) -> str:
        """The version of the model after `change`, with its manifest remade, signed, changed once more by `late`, and promoted."""
        run = self.client.create_run("0").info.run_id
        folder = self.folder / run
        self.model.save(folder)
        if change is not None:
            change(folder)
            manifest.write(folder)
        tags = {DIGEST_TAG: digest(folder)}
        if signer is not None:
            tags[SIGNATURE_TAG] = signer.sign(MODEL_NAME, of_run or run, digest(folder))
        if late is not None:
            late(folder)
        self.client.log_artifacts(run, str(folder), "model")
        version = self.registry.register(run, tags)
        self.registry.promote(version)
        return version


@pytest.fixture
def stage(mlflow_uri: str, empty_registry: ModelRegistry, served_model: DealModel, tmp_path: Path) -> Stage:
    return Stage(empty_registry, MlflowClient(mlflow_uri), served_model, tmp_path / "made")


@pytest.fixture
def api(mlflow_uri: str, stage: Stage, tmp_path: Path) -> Iterator[TestClient[Any]]:
    """A service that serves version 1."""
    assert stage.champion() == "1"
    settings = Settings.from_environment(
        {
            "MLFLOW_TRACKING_URI": mlflow_uri,
            "CLOSECAST_MODEL_CACHE": str(tmp_path / "cache"),
            "CLOSECAST_API_KEY_SHA256": hashlib.sha256(KEY.encode()).hexdigest(),
            "CLOSECAST_MODEL_PUBLIC_KEYS": OURS.public,
        }
    )
    with TestClient(create_app(settings)) as client:
        client.headers["X-API-Key"] = KEY
        until(lambda: client.get("/health/ready").status_code == 200)
        yield client


def _write(name: str, content: bytes) -> Change:
    def change(folder: Path) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)

    return change


def _swap(name: str, old: str, new: str) -> Change:
    def change(folder: Path) -> None:
        text = (folder / name).read_text()
        changed = re.sub(old, new, text, count=1, flags=re.MULTILINE)
        assert changed != text
        (folder / name).write_text(changed)

    return change


def _flip(name: str) -> Change:
    def change(folder: Path) -> None:
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)

    return change


def _calibrated_otherwise(folder: Path) -> None:
    """Other answers, with golden rows that agree: what a thief of the store would do."""
    model = DealModel.load(folder)
    calibration = replace(model.scorer.calibration, c=model.scorer.calibration.c + 3)
    DealModel(replace(model.scorer, calibration=calibration), model.card, model.deals).save(folder)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "unsigned": ({"signer": None}, "bears no signature"),
    "signed by a stranger": ({"signer": STRANGER}, "not of this model by a key that is trusted"),
    "signed for another run": ({"of_run": "0" * 32}, "not of this model by a key that is trusted"),
    "changed, with all hashes remade": ({"change": _calibrated_otherwise, "signer": None}, "bears no signature"),
    "trees that lead out of memory": (
        {"change": _swap("model.txt", r"^left_child=-?\d+", "left_child=99999999")},
        "model.txt",
    ),
    "trees that go round": ({"change": _swap("model.txt", r"^left_child=-?\d+", "left_child=0")}, "model.txt"),
    "features that are not there": (
        {"change": _swap("model.txt", r"^split_feature=\d+", "split_feature=4000000")},
        "model.txt",
    ),
    "classes that are not there": (
        {"change": _swap("model.txt", "num_tree_per_iteration=1", "num_tree_per_iteration=9999")},
        "model.txt",
    ),
    "an end in the middle": (
        {"change": lambda folder: _write("model.txt", (folder / "model.txt").read_bytes()[:900])(folder)},
        "model.txt",
    ),
    "a card that is a list": ({"change": _write("card.json", b"[]")}, "card"),
    "nested without end": ({"change": _write("golden.json", b"[" * 200_000)}, "golden"),
    "deals that are none": ({"change": _write("deals.parquet", b"PAR1" * 9)}, "deals.parquet"),
    "other golden rows": ({"change": _swap("golden.json", r'"rows": \[\[', '"rows": [[9')}, "golden row"),
    "a file more": ({"late": _write("sitecustomize.py", b"1 / 0")}, "sitecustomize.py is not in manifest.json"),
    **{
        f"{name}, one bit": ({"late": _flip(name)}, name if name != "manifest.json" else "SHA-256 of manifest.json")
        for name in ("model.txt", "scorer.json", "card.json", "deals.parquet", "golden.json", "manifest.json")
    },
    "a file of gigabytes": ({"late": _write("deals.parquet", bytes(60_000_000))}, "deals.parquet has more than"),
    "no manifest": ({"late": lambda folder: (folder / "manifest.json").unlink()}, "manifest.json"),
}


def test_the_service_goes_on_with_what_it_has_whatever_the_registry_offers(api: TestClient[Any], stage: Stage) -> None:
    answered = api.post("/v1/predictions", json={"deal": DEAL, "as_of": "2017-12-31"}).json()["probability"]
    for what, (arguments, words) in REFUSED.items():
        # when
        version = stage.champion(**arguments)

        def problem(version: str = version) -> str:
            told = str(api.get("/v1/model").json()["registry_problem"])
            return told if f"version {version} " in told else ""

        until(lambda: bool(problem()), 120)
        # then it is told by name, and version 1 answers as before
        assert words in problem(), (what, problem())
        assert "refused" in problem() or "cannot be taken up" in problem(), what
        answer = api.post("/v1/predictions", json={"deal": DEAL, "as_of": "2017-12-31"}).json()
        assert (answer["model"]["version"], answer["probability"]) == ("1", answered), what
        batch = api.post("/v1/predictions/batch", json={"deals": [DEAL], "as_of": "2017-12-31"}).json()
        assert batch["predictions"][0]["probability"] == answered, what
    figures = api.get("/metrics").text
    assert "closecast_model_problem 1.0" in figures
    assert f"closecast_model_refusals_total {float(len(REFUSED))}" in figures
    # and a model that is ours is taken up
    last = stage.champion(_calibrated_otherwise)
    until(lambda: api.get("/v1/model").json()["version"] == last, 120)
    assert api.get("/v1/model").json()["registry_problem"] is None
    assert "closecast_model_problem 0.0" in api.get("/metrics").text


def test_a_copy_on_this_machine_is_compared_and_its_signature_checked_at_each_load(
    mlflow_uri: str, stage: Stage, tmp_path: Path
) -> None:
    # given a copy
    version, cache = stage.champion(), tmp_path / "cache"
    registry = ModelRegistry(mlflow_uri, TrustedKeys.from_text(OURS.public))
    (identity,) = [registry.identity(version)]
    folder = registry.served(identity, cache).folder
    # when it is changed, hashes and all
    genuine = {file.name: file.read_bytes() for file in folder.iterdir()}
    _calibrated_otherwise(folder)
    with pytest.raises(ModelError, match="is damaged: its SHA-256 is not the one that was registered"):
        registry.read(identity, folder)
    # and nobody says what hash it must have
    unnamed = Identity(version, identity.run_id, None, identity.signature)
    with pytest.raises(ModelError, match="not of this model by a key that is trusted"):
        registry.read(unnamed, folder)
    with pytest.raises(ModelError, match="bears no signature"):
        registry.read(Identity(version, identity.run_id), folder)
    # and when it is whole again
    for name, content in genuine.items():
        (folder / name).write_bytes(content)
    assert registry.read(identity, folder).version == version


def test_an_operator_signs_what_is_known_and_a_new_key_takes_over(
    mlflow_uri: str, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLOSECAST_STATE", str(tmp_path / "state"))
    credentials = Credentials.load_or_create()

    def described() -> dict[str, Any]:
        found = stage.client.get_model_version_by_alias(MODEL_NAME, "champion")
        tags = [{"key": key, "value": value} for key, value in found.tags.items()]
        return {"version": found.version, "run_id": found.run_id, "tags": tags}

    def served(keys: str) -> str:
        registry = ModelRegistry(mlflow_uri, TrustedKeys.from_text(keys))
        return registry.champion(tmp_path / secrets.token_hex(4)).version

    # given a champion that nobody has signed
    version = stage.champion(signer=None)
    assert "bears no signature" in str(signing.unsigned(described(), credentials))
    # when
    told = signing.signed(version, mlflow_uri, credentials)
    # then
    assert f"signed: version {version}" in told
    assert signing.unsigned(described(), credentials) is None
    assert served(credentials.model_public_keys()) == version
    # and when the key is changed, what the former has signed is served until it is forgotten
    signing.rotate([])
    rotated = Credentials.load()
    assert rotated.model_signing_key != credentials.model_signing_key
    assert served(rotated.model_public_keys()) == version
    signing.rotate(["forget"])
    forgotten = Credentials.load()
    assert "not of this model" in str(signing.unsigned(described(), forgotten))
    with pytest.raises(ModelError, match="not of this model"):
        served(forgotten.model_public_keys())
    assert credentials.model_signing_key not in capsys.readouterr().out
    # and one that is malformed is not signed
    broken = stage.champion(_write("card.json", b"[]"), signer=None)
    with pytest.raises(Exception, match=f"version {broken} is not signed: .*card") as caught:
        signing.signed(broken, mlflow_uri, credentials)
    assert "that you trust" in str(caught.value)
    assert json.dumps(described()).count(SIGNATURE_TAG) == 0
